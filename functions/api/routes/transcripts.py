"""Transcripts, rendered on demand from the one canonical document."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query, Response
from pydantic import Field
from starlette.responses import RedirectResponse

from functions.api.openapi import SECURED, problems
from functions.api.routes.jobs import JobId
from functions.api.schemas.base import Model
from functions.api.security import Caller, PlatformOf, SecuredRoute, needs
from shared.domain.api_keys import Scope
from shared.domain.job import Job
from shared.formats import FORMATS, Format, RenderOptions, render
from shared.formats.base import LINE_COUNT_LIMITS, LINE_WIDTH_LIMITS
from shared.services.read_job import read_job, read_transcript, require_result

router = APIRouter(tags=["jobs"], route_class=SecuredRoute)

_CONTENT = {
    form.media_type: {"schema": {} if form.name == "json" else {"type": "string"}}
    for form in FORMATS.values()
}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The transcript", "content": _CONTENT},
    303: {
        "description": "Too large to pass through: fetch it from the signed URL.",
        "headers": {"Location": {"schema": {"type": "string", "format": "uri"}}},
    },
}


class Rendering(Model):
    """Query of the transcript; which of them a format honours depends on the format."""

    format: str = Field(
        default="json",
        max_length=20,
        description="How to render it.",
        json_schema_extra={"enum": [*sorted(FORMATS)]},
    )
    max_line_width: int | None = Field(
        default=None, ge=LINE_WIDTH_LIMITS[0], le=LINE_WIDTH_LIMITS[1], description="Characters."
    )
    max_lines: int | None = Field(
        default=None, ge=LINE_COUNT_LIMITS[0], le=LINE_COUNT_LIMITS[1], description="Per cue."
    )
    speakers: bool | None = Field(
        default=None, description="Name the speakers; null does when there are any."
    )
    karaoke: bool = Field(default=False, description="Mark the time of each word in a cue.")


@router.get(
    "/api/v1/jobs/{job_id}/transcript",
    operation_id="get_transcript",
    summary="The transcript as JSON, text or subtitles",
    response_class=Response,
    responses=problems(*SECURED, 404, 409, 422) | _RESPONSES,
    openapi_extra=needs(Scope.JOBS_READ),
)
def get_transcript(
    job_id: JobId, wanted: Annotated[Rendering, Query()], platform: PlatformOf, caller: Caller
) -> Response:
    """Of a completed job. Large JSON is answered with 303 to a signed URL."""
    job = read_job(platform, tenant=caller.tenant, job_id=job_id)
    key = require_result(job)
    options = RenderOptions(
        max_line_width=wanted.max_line_width,
        max_lines=wanted.max_lines,
        speakers=wanted.speakers,
        karaoke=wanted.karaoke,
    )
    size = job.result.size_bytes if job.result else 0
    as_stored = wanted.format == "json" and options == RenderOptions()
    if as_stored and size > platform.limits.inline_transcript_bytes:
        seconds = platform.limits.download_seconds
        url = platform.blobs.sign_download(key, expires_in=seconds, filename=f"{job.id}.json")
        return RedirectResponse(url, status_code=303)
    text = render(read_transcript(platform, job), wanted.format, options)
    return _file(text, FORMATS[wanted.format], job)


def _file(text: str, form: Format, job: Job) -> Response:
    charset = "; charset=utf-8" if form.media_type != "application/json" else ""
    return Response(
        text.encode(),
        headers={
            "Content-Type": form.media_type + charset,
            "Content-Disposition": _disposition(job, form.extension),
        },
    )


def _disposition(job: Job, extension: str) -> str:
    """Named after the recording (RFC 6266), with an ASCII name for those who can't read that."""
    plain = f'inline; filename="{job.id}.{extension}"'
    stem = (job.source.filename or "").replace("\\", "/").rsplit("/", 1)[-1].rsplit(".", 1)[0]
    if not stem:
        return plain
    return f"{plain}; filename*=UTF-8''{quote(f'{stem}.{extension}', safe='')}"
