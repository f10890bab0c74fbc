"""Bodies of the submit doors."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field, StringConstraints

from functions.api.schemas.base import (
    TEN_YEARS,
    Flag,
    Line200,
    Model,
    Name64,
    Text500,
    Timestamp,
    UrlText,
)
from functions.api.schemas.base import Number as _Number
from functions.api.schemas.base import Whole as _Whole
from functions.api.schemas.options import OptionFields
from shared.domain.events import EventType
from shared.domain.job import DEFAULT_WEBHOOK_EVENTS, PayloadMode, Status

SUBSCRIBABLE = tuple(event for event in EventType if event is not EventType.WEBHOOK_TEST)

_Event = Annotated[
    EventType, Field(json_schema_extra={"enum": [str(event) for event in SUBSCRIBABLE]})
]


class SourceFields(Model):
    """Where the audio is: exactly one of the four."""

    url: UrlText | None = Field(
        default=None,
        description="http(s) URL of the audio or video; private addresses are refused.",
        examples=["https://example.com/recordings/42.mp3"],
    )
    blob: str | None = Field(
        default=None,
        description="The file's bytes as base64 (RFC 4648), also as a `data:…;base64,` URI."
        " Large files go through POST /api/v1/uploads.",
        json_schema_extra={"contentEncoding": "base64"},
    )
    upload_id: Annotated[str, StringConstraints(max_length=64)] | None = Field(
        default=None, description="An upload that POST /api/v1/uploads gave."
    )
    storage_uri: UrlText | None = Field(
        default=None, description="`s3://` or `gs://`, on platforms that have buckets."
    )


class WebhookFields(Model):
    """Who hears of a job."""

    webhook_url: UrlText | None = Field(
        default=None,
        description="Gets a signed POST for each event.",
        examples=["https://example.com/hooks/tamlil"],
    )
    webhook_events: list[_Event] | None = Field(
        default=None,
        min_length=1,
        max_length=len(SUBSCRIBABLE),
        description="Which events; null means " + ", ".join(DEFAULT_WEBHOOK_EVENTS) + ".",
    )
    webhook_mode: PayloadMode | None = Field(
        default=None, description="`standard` (Standard Webhooks), or the flat `legacy` body."
    )


class JobFields(WebhookFields):
    """What concerns the job and not the engine."""

    recording_id: Line200 | None = Field(
        default=None, description="Your own id; echoed, and a filter of GET /api/v1/jobs."
    )
    metadata: dict[Name64, Text500] = Field(
        default_factory=dict,
        max_length=16,
        description="Up to 16 names (64 characters) with texts (500 characters); echoed.",
        examples=[{"לקוח": "כהן", "case": "42"}],
    )
    enhance: dict[str, Any] | None = Field(
        default=None, description="The second step; this deployment does not offer it yet."
    )
    retention_seconds: _Number | None = Field(
        default=None,
        gt=0,
        le=TEN_YEARS,
        description="Erase everything so long after the end; null is the deployment's default.",
    )
    priority: _Whole = Field(
        default=0, ge=-10, le=10, description="Higher goes first, within what waits."
    )


class TranscribeArgs(SourceFields, OptionFields):
    """The nested form that RunPod-era callers send."""

    verbose: Flag = Field(
        default=False, description="Read for old callers; the result is the same either way."
    )


class TranscribeRequest(SourceFields, OptionFields, JobFields):
    """Submit audio. Exactly one of url, blob, upload_id, storage_uri."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "url": "https://example.com/recordings/42.mp3",
                    "language": "he",
                    "diarize": True,
                    "webhook_url": "https://example.com/hooks/tamlil",
                    "recording_id": "42",
                },
            ]
        }
    )

    filename: Line200 | None = Field(
        default=None, description="A name for a blob or an upload.", examples=["פגישה.mp3"]
    )
    transcribe_args: TranscribeArgs | None = Field(
        default=None,
        description="Source and options, nested; what is given in both places must be the same.",
    )


class TranscribeOptions(OptionFields, JobFields):
    """Everything but the source: with a multipart file, or with a signed upload."""


class Links(Model):
    """Paths on this server."""

    self: str = Field(examples=["/api/v1/jobs/job_01jz0000000000000000000000"])
    transcript: str = Field(examples=["/api/v1/jobs/job_01jz0000000000000000000000/transcript"])
    segments: str = Field(examples=["/api/v1/jobs/job_01jz0000000000000000000000/segments"])
    events: str = Field(examples=["/api/v1/jobs/job_01jz0000000000000000000000/events"])


class Accepted(Model):
    """The job is recorded and will run. A repeat with the same Idempotency-Key gets the same."""

    job_id: str = Field(examples=["job_01jz0000000000000000000000"])
    status: Status = Field(
        description="`pending`, or `awaiting_upload` while its upload has not arrived.",
        examples=["pending"],
    )
    created_at: Timestamp
    message: str = Field(examples=["Accepted. GET links.self tells how far it has come."])
    links: Links
