"""The body of a webhook, built when it is sent: a signed URL must outlive the schedule."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from shared.domain.codec import to_document
from shared.domain.deliveries import Delivery
from shared.domain.events import EventType
from shared.domain.job import Job, PayloadMode, Status
from shared.ports.platform import Platform
from shared.services.read_transcript import read_transcript, require_result

_STATUS = {
    EventType.TRANSCRIPTION_PROCESSING: Status.PROCESSING,
    EventType.TRANSCRIPTION_COMPLETED: Status.COMPLETED,
    EventType.TRANSCRIPTION_FAILED: Status.FAILED,
    EventType.TRANSCRIPTION_CANCELLED: Status.CANCELLED,
    EventType.ENHANCEMENT_COMPLETED: Status.COMPLETED,
    EventType.ENHANCEMENT_FAILED: Status.FAILED,
}

#: The seed service knew three words; a cancelled job ended without a transcript.
_LEGACY_STATUS = {
    Status.PROCESSING: "transcribing",
    Status.COMPLETED: "transcribed",
    Status.FAILED: "transcription_failed",
    Status.CANCELLED: "transcription_failed",
}


def iso_time(seconds: float) -> str:
    """Unix seconds as ISO 8601 in UTC with milliseconds."""
    moment = datetime.fromtimestamp(seconds, tz=UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def build_payload(platform: Platform, delivery: Delivery, job: Job | None) -> bytes:
    """The exact bytes to send and to sign.

    Raises:
        Unavailable: the transcript could not be read.
    """
    if job is None:
        body = _test_body(delivery)
    elif delivery.mode is PayloadMode.LEGACY:
        body = _legacy_body(platform, delivery, job)
    else:
        body = {
            "type": str(delivery.event_type),
            "timestamp": iso_time(delivery.occurred_at),
            "data": _data(platform, delivery, job),
        }
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _test_body(delivery: Delivery) -> dict[str, Any]:
    message = "This is a test. If you can verify its signature, webhooks work."
    if delivery.mode is PayloadMode.LEGACY:
        return {
            "recording_id": None,
            "status": "transcribed",
            "timestamp": iso_time(delivery.occurred_at),
            "transcription": {"text": message, "segments": []},
            "error": None,
        }
    return {
        "type": str(delivery.event_type),
        "timestamp": iso_time(delivery.occurred_at),
        "data": {"message": message},
    }


def _data(platform: Platform, delivery: Delivery, job: Job) -> dict[str, Any]:
    status = _STATUS[delivery.event_type]
    data: dict[str, Any] = {
        "job_id": job.id,
        "recording_id": job.recording_id,
        "status": str(status),
        "metadata": dict(job.metadata),
        "error": _error(job) if status is Status.FAILED else None,
    }
    if status is Status.COMPLETED:
        data |= _transcript(platform, job)
    return data


def _transcript(platform: Platform, job: Job) -> dict[str, Any]:
    """The transcript itself while it is small, else a signed URL to it."""
    key = require_result(job)
    if job.result and job.result.size_bytes <= platform.webhooks.inline_transcript_bytes:
        return {"transcript": to_document(read_transcript(platform, job))}
    url = platform.blobs.sign_download(
        key, expires_in=platform.limits.download_seconds, filename=f"{job.id}.json"
    )
    return {"transcript_url": url}


def _legacy_body(platform: Platform, delivery: Delivery, job: Job) -> dict[str, Any]:
    status = _STATUS[delivery.event_type]
    error = None
    if status is Status.FAILED and job.error:
        error = job.error.detail
    elif status is Status.CANCELLED:
        error = "cancelled"
    body: dict[str, Any] = {
        "recording_id": job.recording_id,
        "status": _LEGACY_STATUS[status],
        "timestamp": iso_time(delivery.occurred_at),
        "transcription": None,
        "error": error,
    }
    if status is Status.COMPLETED:
        found = _transcript(platform, job)
        body["transcription"] = found.get("transcript")
        body |= {key: value for key, value in found.items() if key == "transcript_url"}
    return body


def _error(job: Job) -> dict[str, Any] | None:
    return None if job.error is None else {"code": job.error.code, "detail": job.error.detail}
