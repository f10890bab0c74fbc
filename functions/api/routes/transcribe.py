"""The two doors through which audio comes with the request, or a URL to it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Response

from functions.api.forms import ReadForm, UploadForm
from functions.api.openapi import SECURED, problems
from functions.api.present import accepted, job_path
from functions.api.schemas.transcribe import Accepted, TranscribeRequest
from functions.api.security import Caller, PlatformOf, SecuredRoute, needs
from functions.api.submissions import from_body, submission
from functions.schemas.base import dense
from functions.schemas.submit import TranscribeOptions
from shared.domain.api_keys import Scope
from shared.ports.platform import Platform
from shared.services.submission import BytesAudio, Submission
from shared.services.submit_job import submit_job

router = APIRouter(tags=["transcribe"], route_class=SecuredRoute)

UPLOAD_PATH = "/api/v1/transcribe/upload"

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x20-\x7e]+$",
        description="Repeat a request with the same key and it makes no second job.",
        examples=["5f0c6f6e-recording-42"],
    ),
]

#: Of whatever makes a job.
ACCEPTED: dict[str, Any] = {
    "description": "Accepted",
    "headers": {
        "Location": {"description": "Path of the job.", "schema": {"type": "string"}},
        "Idempotent-Replay": {
            "description": "`true` when an earlier request made the job.",
            "schema": {"type": "string"},
        },
    },
}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    202: ACCEPTED,
    **problems(*SECURED, 400, 409, 413, 415, 422),
}
_BY_ID = problems(410)

_FORM_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "additionalProperties": False,
                    "properties": {
                        "file": {
                            "type": "string",
                            "format": "binary",
                            "description": "The audio or video file.",
                        },
                        "options": {
                            "type": "string",
                            "contentMediaType": "application/json",
                            "description": "All options as one JSON object (TranscribeOptions),"
                            " instead of or beside single fields.",
                        },
                    },
                }
            }
        },
    }
}


def describe(document: dict[str, Any]) -> None:
    """Tell the OpenAPI document the form's fields: every option."""
    template = "#/components/schemas/{model}"
    options = dense(TranscribeOptions.model_json_schema(ref_template=template))
    body = document["paths"][UPLOAD_PATH]["post"]["requestBody"]
    body["content"]["multipart/form-data"]["schema"]["properties"] |= options["properties"]


@router.post(
    "/api/v1/transcribe",
    operation_id="transcribe",
    summary="Submit audio by URL, as base64, or by upload id",
    status_code=202,
    responses=_RESPONSES | _BY_ID,
    openapi_extra=needs(Scope.JOBS_WRITE),
)
def transcribe(
    body: TranscribeRequest,
    response: Response,
    platform: PlatformOf,
    caller: Caller,
    idempotency_key: IdempotencyKey = None,
) -> Accepted:
    """Record a job and answer at once; the work is done by a worker."""
    asked = from_body(
        body,
        tenant=caller.tenant,
        idempotency_key=idempotency_key,
        max_blob_bytes=platform.limits.max_blob_bytes,
    )
    return submit(platform, asked, response)


@router.post(
    UPLOAD_PATH,
    operation_id="transcribe_upload",
    summary="Submit a file as a multipart form",
    status_code=202,
    responses=_RESPONSES,
    openapi_extra=needs(Scope.JOBS_WRITE) | _FORM_BODY,
)
def transcribe_upload(
    form: ReadForm,
    response: Response,
    platform: PlatformOf,
    caller: Caller,
    idempotency_key: IdempotencyKey = None,
) -> Accepted:
    """The field `file` holds the audio; options are fields beside it, or JSON in `options`."""
    asked = submission(
        form.options,
        form.options,
        tenant=caller.tenant,
        audio=_audio(platform, form),
        idempotency_key=idempotency_key,
    )
    return submit(platform, asked, response)


def submit(platform: Platform, asked: Submission, response: Response) -> Accepted:
    """Hand it to the service and say where the job is."""
    submitted = submit_job(platform, asked)
    response.headers["Location"] = job_path(submitted.job.id)
    if not submitted.created:
        response.headers["Idempotent-Replay"] = "true"
    return accepted(submitted.job)


def _audio(platform: Platform, form: UploadForm) -> BytesAudio:
    return BytesAudio(
        chunks=form.chunks(),
        filename=form.filename,
        content_type=form.content_type,
        max_bytes=platform.limits.max_multipart_bytes,
    )
