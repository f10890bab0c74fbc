"""Grouping a finished job's voices anew."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from functions.api.openapi import SECURED, problems
from functions.api.present import accepted, job_path
from functions.api.routes.jobs import JobId
from functions.api.routes.transcribe import ACCEPTED, IdempotencyKey
from functions.api.schemas.rediarize import RediarizeRequest
from functions.api.schemas.transcribe import Accepted
from functions.api.security import Caller, PlatformOf, SecuredRoute, needs
from functions.schemas.options import DiarizationArgs
from functions.schemas.translate import webhook_target
from shared.domain import options as domain
from shared.domain.api_keys import Scope
from shared.domain.errors import InvalidRequest
from shared.services.rediarize_job import Rediarization, rediarize_job

router = APIRouter(tags=["jobs"], route_class=SecuredRoute)

_RESPONSES: dict[int | str, dict[str, Any]] = {
    202: ACCEPTED,
    **problems(*SECURED, 400, 404, 409, 413, 415, 422),
}


@router.post(
    "/api/v1/jobs/{job_id}/rediarize",
    operation_id="rediarize",
    summary="Tell a finished job's speakers apart anew, without a new transcription",
    status_code=202,
    responses=_RESPONSES,
    openapi_extra=needs(Scope.JOBS_WRITE),
)
def rediarize(
    job_id: JobId,
    body: RediarizeRequest,
    response: Response,
    platform: PlatformOf,
    caller: Caller,
    idempotency_key: IdempotencyKey = None,
) -> Accepted:
    """Record a new job with its own transcript; the finished one stays as it is."""
    if body.same_webhook and body.webhook_url is not None:
        raise InvalidRequest(
            "give same_webhook, or a webhook_url, not both",
            code="contradiction",
            field="same_webhook",
        )
    args = body.diarization_args or DiarizationArgs()
    asked = Rediarization(
        tenant=caller.tenant,
        job_id=job_id,
        args=domain.DiarizationArgs(**args.model_dump()),
        webhook=webhook_target(body),
        same_webhook=body.same_webhook,
        recording_id=body.recording_id,
        metadata=body.metadata,
        priority=body.priority,
        retention_seconds=body.retention_seconds,
        idempotency_key=idempotency_key,
    )
    submitted = rediarize_job(platform, asked)
    response.headers["Location"] = job_path(submitted.job.id)
    if not submitted.created:
        response.headers["Idempotent-Replay"] = "true"
    return accepted(submitted.job)
