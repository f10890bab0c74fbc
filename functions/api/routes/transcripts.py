"""Transcripts, rendered on demand from the one canonical document."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query, Response
from pydantic import Field
from starlette.responses import RedirectResponse

from functions.api.openapi import SECURED, problems
from functions.api.routes.jobs import JobId
from functions.api.security import Caller, PlatformOf, SecuredRoute, needs
from functions.api.transcript_content import describe_content
from functions.schemas.base import Model, dense
from shared.domain.api_keys import Scope
from shared.domain.job import Job
from shared.formats import FORMATS, LIMITS, About, Format, RenderOptions, find_format, render
from shared.services.leave_rendering import leave_rendering
from shared.services.read_job import read_job
from shared.services.read_transcript import read_transcript, require_result

router = APIRouter(tags=["jobs"], route_class=SecuredRoute)

TRANSCRIPT_PATH = "/api/v1/jobs/{job_id}/transcript"

_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The transcript"},
    303: {
        "description": "Too large to pass through: fetch it from the signed URL.",
        "headers": {"Location": {"schema": {"type": "string", "format": "uri"}}},
    },
}


def describe(document: dict[str, Any]) -> None:
    """Tell the OpenAPI document what is answered: each format, with an example."""
    answers = document["paths"][TRANSCRIPT_PATH]["get"]["responses"]
    answers["200"]["content"] = dense(describe_content())


def _within(name: str, description: str) -> Any:
    low, high = LIMITS[name]
    return Field(default=None, ge=low, le=high, description=description)


class Rendering(Model, defer_build=False):
    """Query of the transcript; which of them a format honours depends on the format."""

    format: str = Field(
        default="json",
        max_length=20,
        description="How to render it. `docx` only where the extra of that name is installed.",
        json_schema_extra={"enum": [*sorted(FORMATS)]},
    )
    max_line_width: int | None = _within(
        "max_line_width", "Characters in a line; 42 in subtitles, else lines are not wrapped."
    )
    max_lines: int | None = _within("max_lines", "Lines in a cue; 2 by default.")
    max_chars_per_second: float | None = _within(
        "max_chars_per_second", "How fast a cue may have to be read; 20 by default."
    )
    max_cue_seconds: float | None = _within(
        "max_cue_seconds", "How long a cue stands at most; 7 by default."
    )
    paragraphs: bool | None = Field(
        default=None, description="Paragraphs, or a line a segment; null leaves it to the format."
    )
    paragraph_pause: float | None = _within(
        "paragraph_pause", "Seconds of silence that end a paragraph; 2 by default."
    )
    max_paragraph_chars: int | None = _within(
        "max_paragraph_chars", "Characters in a paragraph; 800 by default."
    )
    speakers: bool | None = Field(
        default=None, description="Name the speakers; null does when there are any."
    )
    karaoke: bool = Field(default=False, description="Mark the time of each word in a cue.")
    directional_marks: bool | None = Field(
        default=None, description="Mark right-to-left text; null does where the format can."
    )


@router.get(
    TRANSCRIPT_PATH,
    operation_id="get_transcript",
    summary="The transcript as JSON, text, subtitles or a document",
    response_class=Response,
    responses=problems(*SECURED, 404, 409, 422) | _RESPONSES,
    openapi_extra=needs(Scope.JOBS_READ),
)
def get_transcript(
    job_id: JobId, wanted: Annotated[Rendering, Query()], platform: PlatformOf, caller: Caller
) -> Response:
    """Of a completed job. What is too large for an answer is answered with 303 to a signed URL."""
    job = read_job(platform, tenant=caller.tenant, job_id=job_id)
    key = require_result(job)
    form = find_format(wanted.format)
    about = About(title=_stem(job) or None, task=str(job.options.task))
    options = RenderOptions(**wanted.model_dump(exclude={"format"}), about=about)
    size = job.result.size_bytes if job.result else 0
    as_stored = form.name == "json" and options == RenderOptions()
    if as_stored and size > platform.limits.inline_transcript_bytes:
        seconds = platform.limits.download_seconds
        url = platform.blobs.sign_download(key, expires_in=seconds, filename=f"{job.id}.json")
        return RedirectResponse(url, status_code=303)
    content = render(read_transcript(platform, job), form.name, options)
    most = platform.limits.largest_answer_bytes
    if most is not None and len(content) > most:
        media_type = _content_type(form)
        url = leave_rendering(
            platform, job, content, extension=form.extension, content_type=media_type
        )
        return RedirectResponse(url, status_code=303)
    headers = {"Content-Type": _content_type(form), "Content-Disposition": _disposition(job, form)}
    return Response(content, headers=headers)


def _content_type(form: Format) -> str:
    plain = form.binary or form.media_type == "application/json"
    return form.media_type + ("" if plain else "; charset=utf-8")


def _disposition(job: Job, form: Format) -> str:
    """Named after the recording (RFC 6266), with an ASCII name for those who can't read that."""
    kind = "attachment" if form.binary else "inline"
    plain = f'{kind}; filename="{job.id}.{form.extension}"'
    stem = _stem(job)
    if not stem:
        return plain
    return f"{plain}; filename*=UTF-8''{quote(f'{stem}.{form.extension}', safe='')}"


def _stem(job: Job) -> str:
    """The recording's name without folders and extension; empty where it has none."""
    return (job.source.filename or "").replace("\\", "/").rsplit("/", 1)[-1].rsplit(".", 1)[0]
