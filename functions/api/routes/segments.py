"""A transcript while it grows."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool

from functions.api.openapi import SECURED, problems
from functions.api.present_segments import segments_out
from functions.api.routes.jobs import JobId
from functions.api.schemas.segments import SegmentsOut, SegmentsQuery
from functions.api.security import Caller, PlatformOf, SecuredRoute, needs
from functions.api.watchers import Watchers
from shared.domain.api_keys import Scope
from shared.services.read_job import read_job
from shared.services.read_segments import SegmentsPage, read_segments

router = APIRouter(tags=["jobs"], route_class=SecuredRoute)

#: How often a waiting request looks at the record (seconds).
LOOK_SECONDS = 0.3


@router.get(
    "/api/v1/jobs/{job_id}/segments",
    operation_id="get_segments",
    summary="Finished segments while the rest is at work",
    responses=problems(*SECURED, 404, 422),
    openapi_extra=needs(Scope.JOBS_READ),
)
async def get_segments(
    job_id: JobId,
    wanted: Annotated[SegmentsQuery, Query()],
    platform: PlatformOf,
    caller: Caller,
    request: Request,
) -> SegmentsOut:
    """Long poll: with `wait`, answers as soon as there is something behind `after`."""

    def read() -> SegmentsPage:
        return read_segments(
            platform,
            tenant=caller.tenant,
            job_id=job_id,
            cursor=wanted.after,
            limit=wanted.limit,
        )

    deadline = time.monotonic() + wanted.wait
    page = await run_in_threadpool(read)
    if wanted.wait == 0 or _is_news(page):
        return segments_out(page)
    watchers: Watchers = request.app.state.watchers
    async with watchers.watch() as watch:
        while (left := deadline - time.monotonic()) > 0:
            await watch.pause(min(LOOK_SECONDS, left))
            if watch.closing or await request.is_disconnected():
                break
            job = await run_in_threadpool(read_job, platform, tenant=caller.tenant, job_id=job_id)
            if (job.status, job.saved) != (page.job.status, page.job.saved):
                page = await run_in_threadpool(read)
                if _is_news(page):
                    break
            else:
                page = replace(page, job=job)
    return segments_out(page)


def _is_news(page: SegmentsPage) -> bool:
    return bool(page.segments) or page.replaces or page.complete
