"""Bodies of the submit doors."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints

from functions.schemas.base import Flag, Line200, Model, Timestamp, UrlText
from functions.schemas.options import OptionFields
from functions.schemas.submit import JobFields
from shared.domain.job import Status


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


class TranscribeArgs(SourceFields, OptionFields):
    """The nested form that RunPod-era callers send."""

    verbose: Flag = Field(
        default=False, description="Read for old callers; the result is the same either way."
    )


class TranscribeRequest(SourceFields, OptionFields, JobFields, defer_build=False):
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
