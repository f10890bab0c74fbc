"""Prometheus metrics from shared state: the numbers of the deployment, not of one process."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from functions.api.openapi import SECURED, problems
from functions.api.prometheus import MEDIA_TYPE, render
from functions.api.security import PlatformOf, SecuredRoute, needs
from shared.domain.api_keys import Scope

#: Two routers, of which the settings choose one.
secured = APIRouter(tags=["service"], route_class=SecuredRoute)
public = APIRouter(tags=["service"])

_PAGE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Prometheus text format 0.0.4",
        "content": {"text/plain": {"schema": {"type": "string"}}},
    }
}


def metrics(platform: PlatformOf) -> Response:
    """Counters, duration histograms, jobs by status, queue depth, active workers."""
    page = render(
        platform.metrics.read(),
        jobs=platform.jobs.counts(),
        depth=platform.queue.depth(),
        active_workers=len(platform.launcher.active()),
    )
    return Response(page, headers={"Content-Type": MEDIA_TYPE})


for _router, _extra, _statuses in (
    (secured, needs(Scope.ADMIN), SECURED),
    (public, {}, (500, 503)),
):
    _router.add_api_route(
        "/metrics",
        metrics,
        operation_id="metrics",
        summary="Metrics of the deployment",
        response_class=Response,
        responses=_PAGE | problems(*_statuses),
        openapi_extra=_extra,
    )
