"""A job's events as they happen."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from functions.api.event_stream import END_MARK, Source, stream
from functions.api.openapi import SECURED, problems
from functions.api.pace import Pace
from functions.api.routes.jobs import JobId
from functions.api.schemas.segments import CURSOR_EXAMPLE
from functions.api.security import Caller, PlatformOf, SecuredRoute, needs
from functions.api.watchers import Watchers
from shared.domain.api_keys import Scope
from shared.domain.errors import UnsupportedOption
from shared.services.read_job import read_job
from shared.services.read_segments import read_segments

router = APIRouter(tags=["jobs"], route_class=SecuredRoute)

#: nginx passes events on as they come when told so.
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}

_EXAMPLE = f"""\
retry: 2000

event: status
data: {{"job_id":"job_01jz0000000000000000000000","status":"processing","stage":"transcribing","progress":0.4,"attempt":1,"audio_seconds":7.5,"error":null}}

event: segments
data: {{"segments":[{{"id":0,"start":0.5,"end":1.4,"text":"Which budget?","speakers":[],"words":[],"flags":[]}}],"replaces":false,"cursor":"{CURSOR_EXAMPLE}"}}
id: {CURSOR_EXAMPLE}

"""  # noqa: E501 - an event's data is one line

_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Events until the job is over: `status`, `progress`, `segments`,"
        " `speakers`, `end`.",
        "content": {"text/event-stream": {"schema": {"type": "string"}, "example": _EXAMPLE}},
    },
    204: {"description": "`Last-Event-ID` is that of the end: there is nothing to come back for."},
}


class _Events(StreamingResponse):
    """Gives its place among the watchers back whatever ends it.

    FastAPI's own response of this kind could not do that, nor end the stream at a shutdown.
    """

    media_type = "text/event-stream"

    def __init__(self, content: AsyncIterator[bytes], place: AsyncExitStack) -> None:
        super().__init__(content, headers=_HEADERS)
        self._place = place

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        async with self._place:
            await super().__call__(scope, receive, send)


@router.get(
    "/api/v1/jobs/{job_id}/events",
    operation_id="get_events",
    summary="A job's events as they happen",
    response_class=StreamingResponse,
    responses=problems(*SECURED, 404, 422, 501) | _RESPONSES,
    openapi_extra=needs(Scope.JOBS_READ),
)
async def get_events(
    job_id: JobId,
    platform: PlatformOf,
    caller: Caller,
    request: Request,
    after: Annotated[
        str | None, Query(max_length=1000, description="The cursor of an earlier event or page.")
    ] = None,
    last_event_id: Annotated[
        str | None,
        Header(max_length=1000, description="As `after`, which it overrules; browsers send it."),
    ] = None,
) -> Response:
    """Server-sent events; they go on behind the one that `Last-Event-ID` names."""
    if not platform.limits.streams:
        raise UnsupportedOption(
            f"answers can't be streamed here; poll /api/v1/jobs/{job_id[:64]}/segments?wait=20",
            code="streaming_unsupported",
        )
    cursor = last_event_id or after
    behind = functools.partial(read_segments, platform, tenant=caller.tenant, job_id=job_id)
    page = await run_in_threadpool(behind, cursor=cursor and cursor.removesuffix(END_MARK))
    if last_event_id and last_event_id.endswith(END_MARK) and page.complete:
        return Response(status_code=204)  # by which an EventSource stops coming back
    if request.state.as_head:
        return Response(headers=_HEADERS, media_type=_Events.media_type)
    source = Source(
        job=functools.partial(read_job, platform, tenant=caller.tenant, job_id=job_id),
        behind=lambda cursor: behind(cursor=cursor),
    )
    watchers: Watchers = request.app.state.watchers
    pace: Pace = request.app.state.pace
    async with AsyncExitStack() as place:
        watch = await place.enter_async_context(watchers.watch())
        return _Events(stream(source, page, watch, pace), place.pop_all())
