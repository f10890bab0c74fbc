"""Liveness and readiness: open to all, and telling nothing but names and ok."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, Response

from functions.api.openapi import problems
from functions.api.schemas.service import CheckResult, Health, Readiness
from functions.api.security import PlatformOf
from shared.domain.errors import Unavailable

router = APIRouter(tags=["service"])


@router.get(
    "/health", operation_id="health", summary="Whether the process answers", responses=problems(500)
)
def health() -> Health:
    """Asks nothing of any store."""
    return Health()


@router.get(
    "/health/ready",
    operation_id="ready",
    summary="Whether store, queue and bucket answer",
    responses=problems(500)
    | {503: {"model": Readiness, "description": "Something does not answer."}},
)
def ready(platform: PlatformOf, response: Response) -> Readiness:
    """503 while something does not answer."""
    checks = {
        "store": _check(platform.jobs.counts),
        "queue": _check(platform.queue.depth),
        "bucket": _check(lambda: platform.blobs.exists("health/ready")),
    }
    if set(checks.values()) == {"ok"}:
        return Readiness(status="ok", checks=checks)
    response.status_code = 503
    return Readiness(status="unavailable", checks=checks)


def _check(ask: Callable[[], object]) -> CheckResult:
    try:
        ask()
    except Unavailable:
        return "unavailable"
    return "ok"
