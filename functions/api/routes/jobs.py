"""Jobs: one, many, cancel, erase."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from functions.api.openapi import SECURED, problems
from functions.api.present import job_out, job_summary
from functions.api.schemas.jobs import JobFilter, JobList, JobOut
from functions.api.security import Caller, PlatformOf, SecuredRoute, needs
from shared.domain.api_keys import Scope
from shared.ports.job_store import JobQuery
from shared.services.cancel_job import cancel_job, purge_job
from shared.services.read_job import list_jobs, read_job

router = APIRouter(tags=["jobs"], route_class=SecuredRoute)

JobId = Annotated[str, Path(examples=["job_01jz0000000000000000000000"])]


@router.get(
    "/api/v1/jobs/{job_id}",
    operation_id="get_job",
    summary="How far a job has come, and its result",
    responses=problems(*SECURED, 404),
    openapi_extra=needs(Scope.JOBS_READ),
)
def get_job(job_id: JobId, platform: PlatformOf, caller: Caller) -> JobOut:
    """`result` holds the transcript while it is small, else `result_url` leads to it."""
    return job_out(platform, read_job(platform, tenant=caller.tenant, job_id=job_id))


@router.get(
    "/api/v1/jobs",
    operation_id="list_jobs",
    summary="Jobs, newest first",
    responses=problems(*SECURED, 422),
    openapi_extra=needs(Scope.JOBS_READ),
)
def get_jobs(
    wanted: Annotated[JobFilter, Query()], platform: PlatformOf, caller: Caller
) -> JobList:
    """A page; give its `cursor` to get the next."""
    page = list_jobs(
        platform,
        JobQuery(
            tenant=caller.tenant,
            status=wanted.status,
            kind=wanted.kind,
            recording_id=wanted.recording_id,
            created_from=_seconds(wanted.created_from),
            created_to=_seconds(wanted.created_to),
            limit=wanted.limit,
            cursor=wanted.cursor,
        ),
    )
    price = platform.limits.cost_per_hour
    jobs = [job_summary(job, cost_per_hour=price) for job in page.jobs]
    return JobList(jobs=jobs, cursor=page.cursor)


@router.delete(
    "/api/v1/jobs/{job_id}",
    operation_id="delete_job",
    summary="Cancel a job, or erase it and all that belongs to it",
    response_model=JobOut,
    responses=problems(*SECURED, 404, 409, 422) | {204: {"description": "Erased (`purge=true`)."}},
    openapi_extra=needs(Scope.JOBS_WRITE),
)
def delete_job(
    job_id: JobId,
    platform: PlatformOf,
    caller: Caller,
    purge: Annotated[  # noqa: FBT002 - a query parameter is given by name
        bool, Query(description="Erase audio, transcript, deliveries and record.")
    ] = False,
) -> JobOut | Response:
    """Cancelling stops the compute; a finished job can only be erased."""
    if purge:
        purge_job(platform, tenant=caller.tenant, job_id=job_id)
        return Response(status_code=204)
    return job_out(platform, cancel_job(platform, tenant=caller.tenant, job_id=job_id))


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()
