"""Segments as they are finished."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field

from functions.api.schemas.jobs import JobErrorOut
from functions.api.schemas.transcript import SegmentOut
from functions.schemas.base import Model
from shared.domain.job import Stage, Status
from shared.services.read_segments import MOST_SEGMENTS

#: API Gateway gives up after 29 seconds.
MOST_WAIT_SECONDS = 20.0

CURSOR_EXAMPLE = "WyJzZWdtZW50cy0xIiwiam9iXzAxanoiLDAsMSwwLDIsMTIzXQ"
_SEGMENT = {"id": 1, "start": 1.9, "end": 2.9, "text": "The old one.", "words": [], "flags": []}
_PAGE: dict[str, Any] = {
    "job_id": "job_01jz0000000000000000000000",
    "status": "processing",
    "stage": "transcribing",
    "progress": 0.4,
    "audio_seconds": 7.5,
    "segments": [_SEGMENT | {"speakers": []}],
    "cursor": CURSOR_EXAMPLE,
    "replaces": False,
    "final": False,
    "complete": False,
    "error": None,
}
_WITH_SPEAKERS = _PAGE | {
    "status": "completed",
    "stage": "done",
    "progress": 1.0,
    "segments": [_SEGMENT | {"speakers": ["SPEAKER_01"]}],
    "replaces": True,
    "final": True,
    "complete": True,
}


class SegmentsOut(Model):
    """What is behind a cursor."""

    model_config = ConfigDict(json_schema_extra={"examples": [_PAGE, _WITH_SPEAKERS]})

    job_id: str
    status: Status
    stage: Stage
    progress: float
    audio_seconds: float | None
    segments: list[SegmentOut] = Field(description="Without speakers while `final` is false.")
    cursor: str = Field(description="Give it as `after` to get what follows.")
    replaces: bool = Field(
        description="Forget what was read before: these begin at segment 0 again, because the work"
        " was begun anew or because speakers have been told apart."
    )
    final: bool = Field(description="They are of the finished transcript.")
    complete: bool = Field(description="The job is over, and nothing follows.")
    error: JobErrorOut | None = Field(description="Why it failed, or its last attempt did.")


class SegmentsQuery(Model, defer_build=False):
    """Query of GET /api/v1/jobs/{job_id}/segments."""

    after: str | None = Field(
        default=None, max_length=1000, description="The `cursor` of the page before."
    )
    wait: float = Field(
        default=0.0,
        ge=0,
        le=MOST_WAIT_SECONDS,
        description="Seconds to wait while there is nothing new.",
    )
    limit: int = Field(
        default=MOST_SEGMENTS, ge=1, le=MOST_SEGMENTS, description="Segments on a page."
    )
