"""From request bodies to what `submit_job` takes."""

from __future__ import annotations

from functions.api.blob_field import decode_blob
from functions.api.schemas.transcribe import SourceFields, TranscribeRequest
from functions.schemas.options import OptionFields
from functions.schemas.submit import JobFields
from functions.schemas.translate import (
    check_offered,
    same_in_both,
    transcription_options,
    webhook_target,
)
from shared.domain.errors import InvalidRequest
from shared.services.start_upload import check_upload_id
from shared.services.submission import Audio, NamedAudio, Submission, UploadAudio, UrlAudio

_SOURCES = ("url", "blob", "upload_id", "storage_uri")


def from_body(
    body: TranscribeRequest, *, tenant: str, idempotency_key: str | None, max_blob_bytes: int
) -> Submission:
    """Translate a JSON submit.

    Raises:
        InvalidRequest: not exactly one source, or fields that contradict each other.
        LimitExceeded: the blob is too large.
    """
    merged = _merged(body)
    return submission(
        body,
        merged,
        tenant=tenant,
        audio=_audio(merged, body.filename, max_blob_bytes),
        idempotency_key=idempotency_key,
    )


def submission(
    fields: JobFields,
    asked: OptionFields,
    *,
    tenant: str,
    audio: Audio,
    idempotency_key: str | None = None,
) -> Submission:
    """Put a submission together.

    Raises:
        UnsupportedOption: `enhance` is asked for.
        InvalidRequest: fields that contradict each other.
    """
    check_offered(fields)
    return Submission(
        tenant=tenant,
        audio=audio,
        options=transcription_options(asked),
        webhook=webhook_target(fields),
        recording_id=fields.recording_id,
        metadata=fields.metadata,
        priority=fields.priority,
        retention_seconds=fields.retention_seconds,
        idempotency_key=idempotency_key,
    )


class _Merged(SourceFields, OptionFields):
    """Source and options after `transcribe_args` was folded in."""


def _merged(body: TranscribeRequest) -> _Merged:
    names = _Merged.model_fields.keys()
    outer = {name: getattr(body, name) for name in body.model_fields_set & names}
    args = body.transcribe_args
    inner = {} if args is None else {n: getattr(args, n) for n in args.model_fields_set & names}
    merged = same_in_both(outer, inner, where="transcribe_args")
    return _Merged.model_construct(_fields_set=set(merged), **merged)


def _audio(fields: SourceFields, filename: str | None, max_blob_bytes: int) -> Audio:
    given = [name for name in _SOURCES if getattr(fields, name) is not None]
    if len(given) != 1:
        found = f"not {' and '.join(given)}" if given else "none is given"
        raise InvalidRequest(
            f"give exactly one of {', '.join(_SOURCES)}; {found}",
            code="ambiguous_source" if given else "missing_source",
        )
    if fields.storage_uri is not None:
        return NamedAudio(uri=fields.storage_uri, filename=filename)
    if fields.blob is not None:
        return decode_blob(fields.blob, filename, max_blob_bytes)
    if fields.upload_id is not None:
        return UploadAudio(upload_id=check_upload_id(fields.upload_id), filename=filename)
    if filename is not None:
        raise InvalidRequest(
            "filename goes with blob or upload_id, or storage_uri, not url", field="filename"
        )
    return UrlAudio(url=fields.url or "")
