"""From request bodies to what `submit_job` takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from functions.api.blob_field import decode_blob
from functions.api.schemas.options import DiarizationArgs, OptionFields
from functions.api.schemas.transcribe import (
    SUBSCRIBABLE,
    JobFields,
    SourceFields,
    TranscribeRequest,
    WebhookFields,
)
from shared.domain import options as domain
from shared.domain.errors import InvalidRequest, UnsupportedOption
from shared.domain.job import DEFAULT_WEBHOOK_EVENTS, PayloadMode, WebhookTarget
from shared.services.start_upload import check_upload_id
from shared.services.submission import BytesAudio, Submission, UploadAudio, UrlAudio

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
    audio: UrlAudio | BytesAudio | UploadAudio,
    idempotency_key: str | None = None,
) -> Submission:
    """Put a submission together.

    Raises:
        UnsupportedOption: `enhance` is asked for.
        InvalidRequest: fields that contradict each other.
    """
    if fields.enhance is not None:
        raise UnsupportedOption("enhance is not available on this deployment", field="enhance")
    return Submission(
        tenant=tenant,
        audio=audio,
        options=_options(asked),
        webhook=webhook_target(fields),
        recording_id=fields.recording_id,
        metadata=fields.metadata,
        priority=fields.priority,
        retention_seconds=fields.retention_seconds,
        idempotency_key=idempotency_key,
    )


def same_in_both(
    first: Mapping[str, Any], second: Mapping[str, Any], *, where: str
) -> dict[str, Any]:
    """Both mappings as one.

    Raises:
        InvalidRequest: code ``contradiction``: a name is in both with different values.
    """
    for name in first.keys() & second.keys():
        if first[name] != second[name]:
            raise InvalidRequest(
                f"{name} is given twice with different values: beside and inside {where}",
                code="contradiction",
                field=name,
            )
    return {**first, **second}


class _Merged(SourceFields, OptionFields):
    """Source and options after `transcribe_args` was folded in."""


def _merged(body: TranscribeRequest) -> _Merged:
    names = _Merged.model_fields.keys()
    outer = {name: getattr(body, name) for name in body.model_fields_set & names}
    args = body.transcribe_args
    inner = {} if args is None else {n: getattr(args, n) for n in args.model_fields_set & names}
    merged = same_in_both(outer, inner, where="transcribe_args")
    return _Merged.model_construct(_fields_set=set(merged), **merged)


def _audio(
    fields: SourceFields, filename: str | None, max_blob_bytes: int
) -> UrlAudio | BytesAudio | UploadAudio:
    given = [name for name in _SOURCES if getattr(fields, name) is not None]
    if len(given) != 1:
        found = f"not {' and '.join(given)}" if given else "none is given"
        raise InvalidRequest(
            f"give exactly one of {', '.join(_SOURCES)}; {found}",
            code="ambiguous_source" if given else "missing_source",
        )
    if fields.storage_uri is not None:
        raise UnsupportedOption(
            "storage_uri needs a platform with buckets; use url, blob or upload_id",
            field="storage_uri",
        )
    if fields.blob is not None:
        return decode_blob(fields.blob, filename, max_blob_bytes)
    if fields.upload_id is not None:
        return UploadAudio(upload_id=check_upload_id(fields.upload_id), filename=filename)
    if filename is not None:
        raise InvalidRequest("filename goes with blob or upload_id, not url", field="filename")
    return UrlAudio(url=fields.url or "")


def _options(asked: OptionFields) -> domain.TranscriptionOptions:
    args = asked.diarization_args or DiarizationArgs()
    temperature = asked.temperature
    return domain.TranscriptionOptions(
        engine=asked.engine,
        model=asked.model,
        language=asked.language,
        multilingual=asked.multilingual,
        task=asked.task,
        diarize=asked.diarize,
        diarization_args=domain.DiarizationArgs(**args.model_dump()),
        output_options=domain.OutputOptions(
            word_timestamps=_output(asked, "word_timestamps"),
            extra_data=_output(asked, "extra_data"),
        ),
        initial_prompt=asked.initial_prompt,
        hotwords=asked.hotwords,
        beam_size=asked.beam_size,
        temperature=temperature[0] if len(temperature) == 1 else temperature,
        vad=asked.vad,
        channels=asked.channels,
        accuracy=asked.accuracy,
    )


def _output(asked: OptionFields, name: str) -> bool:
    """One of the two output options, given on top, nested, both alike, or not at all."""
    outer, inner = getattr(asked, name), getattr(asked.output_options, name, None)
    if outer is not None and inner is not None and outer != inner:
        raise InvalidRequest(
            f"{name} is {outer} on top and {inner} in output_options",
            code="contradiction",
            field=name,
        )
    chosen = inner if outer is None else outer
    return True if chosen is None else bool(chosen)


def webhook_target(fields: WebhookFields) -> WebhookTarget | None:
    """Return who is to hear of a job.

    Raises:
        InvalidRequest: events or a mode without a URL, or an event that is none.
    """
    if fields.webhook_url is None:
        for name in ("webhook_events", "webhook_mode"):
            if getattr(fields, name) is not None:
                raise InvalidRequest(f"{name} needs a webhook_url", field=name)
        return None
    events = tuple(dict.fromkeys(fields.webhook_events or DEFAULT_WEBHOOK_EVENTS))
    if not set(events) <= set(SUBSCRIBABLE):
        raise InvalidRequest(
            f"webhook_events may hold {', '.join(SUBSCRIBABLE)}", field="webhook_events"
        )
    return WebhookTarget(
        url=fields.webhook_url, events=events, mode=fields.webhook_mode or PayloadMode.STANDARD
    )
