"""Signed uploads: the bytes go straight to the store."""

from __future__ import annotations

from fastapi import APIRouter, Request

from functions.api.audio_types import check_audio_type
from functions.api.openapi import SECURED, problems
from functions.api.schemas.uploads import UploadCreated, UploadParts, UploadRequest
from functions.api.security import Caller, PlatformOf, SecuredRoute, needs
from functions.api.submissions import submission
from shared.domain.api_keys import Scope
from shared.domain.errors import UnsupportedOption
from shared.ports.blob_store import SignedParts
from shared.services.build_payload import iso_time
from shared.services.start_upload import expect_claim, sign_upload
from shared.services.submission import UploadAudio
from shared.services.submit_job import submit_job

router = APIRouter(tags=["transcribe"], route_class=SecuredRoute)


@router.post(
    "/api/v1/uploads",
    operation_id="create_upload",
    summary="Get a signed upload, and a job that starts when the object arrives",
    status_code=201,
    responses=problems(*SECURED, 400, 413, 415, 422),
    openapi_extra=needs(Scope.JOBS_WRITE),
)
def create_upload(
    body: UploadRequest, request: Request, platform: PlatformOf, caller: Caller
) -> UploadCreated:
    """With `transcribe` (`{}` will do) nothing else is to be called after the upload."""
    if "idempotency-key" in request.headers:
        raise UnsupportedOption(
            "Idempotency-Key is for /api/v1/transcribe; each call here makes a new upload",
            field="Idempotency-Key",
        )
    content_type = check_audio_type(body.content_type, field="content_type")
    upload = sign_upload(
        platform, tenant=caller.tenant, size_bytes=body.size_bytes, content_type=content_type
    )
    job_id = None
    if body.transcribe is None:
        expect_claim(platform, tenant=caller.tenant, upload_id=upload.upload_id)
    else:
        asked = submission(
            body.transcribe,
            body.transcribe,
            tenant=caller.tenant,
            audio=UploadAudio(
                upload_id=upload.upload_id, filename=body.filename, content_type=content_type
            ),
        )
        job_id = submit_job(platform, asked).job.id
    signed = upload.signed
    return UploadCreated(
        upload_id=upload.upload_id,
        job_id=job_id,
        method=signed.method,
        url=signed.url,
        headers=dict(signed.headers),
        fields=dict(signed.fields),
        parts=_parts(signed.parts),
        expires_at=iso_time(signed.expires_at),
        max_bytes=signed.max_bytes,
    )


def _parts(parts: SignedParts | None) -> UploadParts | None:
    if parts is None:
        return None
    return UploadParts(
        part_bytes=parts.part_bytes, urls=list(parts.urls), abort_url=parts.abort_url
    )
