"""The segments of a job as they are finished: from saved parts while it runs, then to its end.

A transcript that nothing was added to but its rest goes on where the reader is. One that differs
(work begun anew, speakers told apart) is another edition: the reader starts again at its first
segment, and is told that this replaces what it has.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace

from shared.domain.codec import to_document
from shared.domain.direction import strip_directional_controls
from shared.domain.errors import InvalidRequest, NotFound, Unavailable
from shared.domain.job import Job, Status
from shared.domain.options import Channels, OutputOptions
from shared.domain.reading_position import (
    FINAL,
    Position,
    decode_position,
    encode_position,
    mark_of,
)
from shared.domain.transcript import Segment
from shared.domain.work_parts import Part
from shared.ports.platform import Platform
from shared.services.read_job import read_job
from shared.services.read_transcript import read_transcript
from shared.services.saved_parts import read_parts

#: The most on a page, in segments and as JSON: a function on AWS Lambda answers with 6 MB at most.
MOST_SEGMENTS = 1000
MOST_PAGE_BYTES = 4 << 20

#: A record may move on (completed, purged) while its objects are read; it does so a few times.
_MOST_CHANGES = 4

_TIME_DIGITS = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class SegmentsPage:
    """Segments behind a cursor, and where the job stands.

    - job: the record from which it was read
    - segments: without speakers unless `final`
    - cursor: for the next page
    - replaces: forget what was read before; these begin anew
    - final: they are of the finished transcript
    - complete: the job is over and there is nothing behind them
    """

    job: Job
    segments: tuple[Segment, ...]
    cursor: str
    replaces: bool = False
    final: bool = False
    complete: bool = False


def read_segments(
    platform: Platform,
    *,
    tenant: str,
    job_id: str,
    cursor: str | None = None,
    limit: int = MOST_SEGMENTS,
) -> SegmentsPage:
    """Return what is behind the cursor; from the first segment without one.

    Raises:
        NotFound: no such job, another tenant's, or purged.
        InvalidRequest: the limit is not 1 to 1000, or the cursor not this job's.
        Unavailable: the store does not answer.
    """
    if not 1 <= limit <= MOST_SEGMENTS:
        raise InvalidRequest(f"limit must be 1 to {MOST_SEGMENTS}", field="limit")
    job = read_job(platform, tenant=tenant, job_id=job_id)
    position = Position() if cursor is None else decode_position(job_id, cursor)
    for _ in range(_MOST_CHANGES):
        try:
            return _page(platform, job, position, limit)
        except Unavailable:
            # Parts are erased once the transcript stands, and everything with a purge.
            before, job = job, read_job(platform, tenant=tenant, job_id=job_id)
            if (before.status, before.saved) == (job.status, job.saved):
                raise
    raise Unavailable(f"job {job_id} changes faster than it can be read")


def _page(platform: Platform, job: Job, position: Position, limit: int) -> SegmentsPage:
    if job.status is Status.COMPLETED and job.result is not None:
        return _of_transcript(platform, job, position, limit)
    return _of_parts(platform, job, position, limit)


def _of_transcript(platform: Platform, job: Job, position: Position, limit: int) -> SegmentsPage:
    found = read_transcript(platform, job).segments
    goes_on = _goes_on(job, position, found)
    first = position.segments if goes_on else 0
    taken = _bounded(found[first:], limit)
    mark = mark_of(taken[-1]) if taken else position.mark
    count = first + len(taken)
    return SegmentsPage(
        job=job,
        segments=taken,
        cursor=encode_position(job.id, Position(edition=FINAL, segments=count, mark=mark)),
        replaces=not goes_on,
        final=True,
        complete=count >= len(found),
    )


def _goes_on(job: Job, position: Position, found: tuple[Segment, ...]) -> bool:
    """Whether what the reader has is how this transcript begins."""
    if position.segments == 0:
        return True
    if position.edition != FINAL and (job.options.diarize or position.edition != _edition(job)):
        return False
    last = position.segments - 1
    return last < len(found) and mark_of(found[last]) == position.mark


def _of_parts(platform: Platform, job: Job, position: Position, limit: int) -> SegmentsPage:
    edition = _edition(job)
    replaces = position.edition != edition and position.segments > 0
    if position.edition != edition:
        position = Position(edition=edition)
    # Parts of separate channels lie one channel after the other, not where they are in time.
    readable = job.options.channels is not Channels.SEPARATE
    parts = read_parts(platform, job, first=position.parts) if readable else ()
    try:
        taken, position, more = _take(parts, job, position, limit)
    except Unavailable as exc:
        if not (job.finished and isinstance(exc.__cause__, NotFound)):
            raise
        taken, more = (), False  # it ended without a transcript, and its parts are erased
    return SegmentsPage(
        job=job,
        segments=taken,
        cursor=encode_position(job.id, position),
        replaces=replaces,
        complete=job.finished and not more,
    )


def _take(
    parts: Iterable[Part], job: Job, position: Position, limit: int
) -> tuple[tuple[Segment, ...], Position, bool]:
    """As many segments as go on a page, where the reader is then, and whether there are more."""
    taken: list[Segment] = []
    room = MOST_PAGE_BYTES
    for part in parts:
        for found in part.segments[position.skip :]:
            segment = _as_asked(found, position.segments, job.options.output_options)
            room -= _size(segment)
            if len(taken) == limit or (taken and room < 0):
                return tuple(taken), position, True
            taken.append(segment)
            position = replace(
                position,
                skip=position.skip + 1,
                segments=position.segments + 1,
                mark=mark_of(segment),
            )
        position = replace(position, parts=position.parts + 1, skip=0)
    return tuple(taken), position, False


def _bounded(segments: Iterable[Segment], limit: int) -> tuple[Segment, ...]:
    taken: list[Segment] = []
    room = MOST_PAGE_BYTES
    for segment in segments:
        room -= _size(segment)
        if len(taken) == limit or (taken and room < 0):
            break
        taken.append(segment)
    return tuple(taken)


def _size(segment: Segment) -> int:
    return len(json.dumps(to_document(segment), ensure_ascii=False).encode("utf-8", "replace"))


def _edition(job: Job) -> int:
    return 0 if job.saved is None else job.saved.edition


def _as_asked(segment: Segment, number: int, output: OutputOptions) -> Segment:
    """As the finished transcript will have it: saved parts may hold more than was asked for."""
    return replace(
        segment,
        id=number,
        start=round(segment.start, _TIME_DIGITS),
        end=round(segment.end, _TIME_DIGITS),
        text=strip_directional_controls(segment.text).strip(),
        words=segment.words if output.word_timestamps else (),
        extra_data=segment.extra_data if output.extra_data else None,
    )
