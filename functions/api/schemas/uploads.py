"""Bodies of signed uploads."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from functions.schemas.base import Line80, Line200, Model, Timestamp, Whole
from functions.schemas.submit import TranscribeOptions


class UploadRequest(Model, defer_build=False):
    """Ask for a signed upload. With `transcribe` the job starts when the object arrives."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "filename": "פגישה.mp3",
                    "content_type": "audio/mpeg",
                    "size_bytes": 52428800,
                    "transcribe": {"language": "he", "diarize": True},
                }
            ]
        }
    )

    filename: Line200 | None = Field(default=None, description="The file's name.")
    content_type: Line80 | None = Field(
        default=None, description="Must then be the Content-Type of the upload.", examples=[None]
    )
    size_bytes: Whole | None = Field(
        default=None, ge=1, description="The upload may not be larger than announced."
    )
    transcribe: TranscribeOptions | None = Field(
        default=None,
        description="Options of the job (`{}` for all defaults). Null: no job is made, and the"
        " upload_id is for a later POST /api/v1/transcribe; what none has named a day after"
        " expires_at is erased.",
    )


class UploadParts(Model):
    """Cut the bytes, PUT each piece to its URL, and keep the ETag of each answer."""

    part_bytes: int = Field(description="Of every piece but the last.", examples=[16777216])
    urls: list[str] = Field(description="One for each piece, in order.")
    abort_url: str = Field(description="DELETE it to give the upload up.")


class UploadCreated(Model):
    """Send the bytes with exactly this method, URL, headers and fields.

    With `parts` they go there first, and the body of this request is then an XML document that
    names the ETag of each: see the documentation of signed uploads.
    """

    upload_id: str = Field(examples=["upl_01jz0000000000000000000000"])
    job_id: str | None = Field(examples=["job_01jz0000000000000000000000"])
    method: str = Field(examples=["PUT"])
    url: str = Field(examples=["http://127.0.0.1:8360/blobs/…?expires=…&signature=…"])
    headers: dict[str, str] = Field(examples=[{"Content-Type": "audio/mpeg"}])
    fields: dict[str, str] = Field(
        description="Form fields of a POST upload; empty for a PUT.", examples=[{}]
    )
    parts: UploadParts | None = Field(
        default=None, description="Null unless the announced size has to go in parts."
    )
    expires_at: Timestamp
    max_bytes: int = Field(examples=[52428800])
