"""A job as a stream of server-sent events, until it is over.

The format is that of the HTML standard, "Server-sent events"; the events are told in docs/api.md.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Any

from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from starlette.concurrency import run_in_threadpool

from functions.api.pace import Pace
from functions.api.present_segments import error_out, segment_out
from functions.api.watchers import Watch
from shared.domain.errors import NotFound, Unavailable
from shared.domain.job import Job
from shared.services.read_segments import SegmentsPage

#: Behind the cursor in the id of the last event: whoever comes back with it has everything.
END_MARK = ".end"


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """The job's record, and what is behind a cursor; both block, and raise as services do."""

    job: Callable[[], Job]
    behind: Callable[[str], SegmentsPage]


@dataclass
class _Told:
    """What the client knows."""

    cursor: str
    state: object = None
    progress: float | None = None
    erased: bool = False


async def stream(
    source: Source, page: SegmentsPage, watch: Watch, pace: Pace
) -> AsyncIterator[bytes]:
    """Yield events, beginning with this page, until the job is over or the server shuts down."""
    started = spoke = time.monotonic()
    told = _Told(cursor=page.cursor)
    yield format_sse_event(retry=int(pace.retry * 1000))
    events = _news(told, page)
    while True:
        for event in events:
            yield event
        now = time.monotonic()
        spoke = now if events else spoke
        if page.complete or told.erased or now - started > pace.longest:
            return
        if now - spoke >= pace.keepalive:
            yield KEEPALIVE_COMMENT
            spoke = now
        if not page.segments:
            await watch.pause(pace.look)
        if watch.closing:
            return
        events, page = await run_in_threadpool(_look, source, told, page)


def _look(source: Source, told: _Told, page: SegmentsPage) -> tuple[list[bytes], SegmentsPage]:
    """What is new since this page, and the page behind it."""
    try:
        job = source.job()
        if not page.segments and job.version == page.job.version:
            return [], page
        page = source.behind(told.cursor)
    except NotFound:
        told.erased = True
        return [_event("end", {"status": "erased", "error": None}, told.cursor + END_MARK)], page
    except Unavailable:  # it may answer again; the client learns nothing new meanwhile
        return [], replace(page, segments=())
    return _news(told, page), page


def _news(told: _Told, page: SegmentsPage) -> list[bytes]:
    """What of this page the client does not know yet, as events; `told` is brought up to it."""
    job, events = page.job, []
    state = (job.status, job.stage, job.attempt, job.error)
    if state != told.state:
        events.append(_event("status", _status(job)))
    elif job.progress != told.progress:
        events.append(_event("progress", {"stage": job.stage, "progress": job.progress}))
    if page.segments or page.replaces:
        kind = "speakers" if page.final and job.options.diarize else "segments"
        body = {
            "segments": [segment_out(found).model_dump(mode="json") for found in page.segments],
            "replaces": page.replaces,
            "cursor": page.cursor,
        }
        events.append(_event(kind, body, page.cursor))
    if page.complete:
        events.append(_event("end", _status(job), page.cursor + END_MARK))
    told.state, told.progress, told.cursor = state, job.progress, page.cursor
    return events


def _status(job: Job) -> dict[str, Any]:
    error = error_out(job)
    return {
        "job_id": job.id,
        "status": job.status,
        "stage": job.stage,
        "progress": job.progress,
        "attempt": job.attempt,
        "audio_seconds": job.audio_seconds,
        "error": None if error is None else error.model_dump(mode="json"),
    }


def _event(kind: str, body: dict[str, Any], cursor: str | None = None) -> bytes:
    data = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return format_sse_event(event=kind, data_str=data, id=cursor)
