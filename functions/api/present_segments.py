"""From pages of segments to answers."""

from __future__ import annotations

from functions.api.schemas.jobs import JobErrorOut
from functions.api.schemas.segments import SegmentsOut
from functions.api.schemas.transcript import SegmentOut
from shared.domain.codec import to_document
from shared.services.read_segments import SegmentsPage


def segments_out(page: SegmentsPage) -> SegmentsOut:
    """A page of segments, and where the job stands."""
    job = page.job
    return SegmentsOut(
        job_id=job.id,
        status=job.status,
        stage=job.stage,
        progress=job.progress,
        audio_seconds=job.audio_seconds,
        segments=[SegmentOut.model_validate(to_document(found)) for found in page.segments],
        cursor=page.cursor,
        replaces=page.replaces,
        final=page.final,
        complete=page.complete,
        error=None if job.error is None else JobErrorOut(**to_document(job.error)),
    )
