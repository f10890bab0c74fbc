"""From pages of segments to answers."""

from __future__ import annotations

from functions.api.schemas.jobs import JobErrorOut
from functions.api.schemas.segments import SegmentsOut
from functions.api.schemas.transcript import SegmentOut
from shared.domain.codec import to_document
from shared.domain.job import Job
from shared.domain.transcript import Segment
from shared.services.read_segments import SegmentsPage


def segment_out(segment: Segment) -> SegmentOut:
    """A segment as it is answered everywhere."""
    return SegmentOut.model_validate(to_document(segment))


def error_out(job: Job) -> JobErrorOut | None:
    """Why the job failed, or its last attempt did."""
    return None if job.error is None else JobErrorOut(**to_document(job.error))


def segments_out(page: SegmentsPage) -> SegmentsOut:
    """A page of segments, and where the job stands."""
    job = page.job
    return SegmentsOut(
        job_id=job.id,
        status=job.status,
        stage=job.stage,
        progress=job.progress,
        audio_seconds=job.audio_seconds,
        segments=[segment_out(found) for found in page.segments],
        cursor=page.cursor,
        replaces=page.replaces,
        final=page.final,
        complete=page.complete,
        error=error_out(job),
    )
