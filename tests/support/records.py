"""Records for tests of stores."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from shared.domain.deliveries import Delivery, DeliveryAttempt, DeliveryStatus
from shared.domain.events import EventType, OutboxEvent
from shared.domain.job import (
    Job,
    JobError,
    JobKind,
    PayloadMode,
    ResultInfo,
    Source,
    SourceKind,
    Stage,
    Status,
    WebhookTarget,
)
from shared.domain.options import Channels, DiarizationArgs, Task, TranscriptionOptions

NOW = 1_800_000_000.0


def make_job(job_id: str = "job_1", **changes: Any) -> Job:
    """A plain pending job of tenant ``acme``."""
    job = Job(
        id=job_id,
        tenant="acme",
        status=Status.PENDING,
        source=Source(kind=SourceKind.BLOB, key=f"audio/{job_id}"),
        created_at=NOW,
    )
    return replace(job, **changes)


def make_full_job(job_id: str = "job_full") -> Job:
    """A job with hardly a field left at its default, to see that a store keeps all of them."""
    return Job(
        id=job_id,
        tenant="acme",
        status=Status.FAILED,
        source=Source(
            kind=SourceKind.URL,
            url="https://example.org/a.mp3",
            key="audio/x",
            filename="שיחה 1 🎧.mp3",
            content_type="audio/mpeg",
            size_bytes=123,
            owned=False,
        ),
        created_at=NOW + 0.123456,
        kind=JobKind.ENHANCEMENT,
        stage=Stage.DONE,
        progress=0.3,
        options=TranscriptionOptions(
            model="large",
            language="he",
            task=Task.TRANSLATE,
            diarize=True,
            diarization_args=DiarizationArgs(num_speakers=2, min_speakers=1, max_speakers=3),
            initial_prompt="שלום",
            temperature=0.1,
            channels=Channels.SEPARATE,
        ),
        webhook=WebhookTarget(
            url="https://example.org/hook",
            events=(EventType.TRANSCRIPTION_FAILED,),
            mode=PayloadMode.LEGACY,
        ),
        recording_id="rec-1",
        metadata={"k": 'v"\n\u2028', "": ""},
        priority=-2,
        retention_seconds=0.1 + 0.2,
        request_hash="ab",
        unique_keys=("idem/acme/1", "object/acme/2"),
        attempt=2,
        failures=1,
        max_attempts=5,
        launches=3,
        worker="w",
        execution="e",
        lease_expires_at=NOW + 1.1,
        not_before=NOW + 2.2,
        queued_at=NOW + 3.25,
        redispatch_at=NOW + 3.3,
        upload_expires_at=NOW + 4.4,
        expires_at=NOW + 5.5,
        started_at=NOW + 6.6,
        finished_at=NOW + 7.7,
        updated_at=NOW + 8.8,
        audio_seconds=9.9,
        result=ResultInfo(
            key="results/x",
            size_bytes=5,
            audio_seconds=9.9,
            language="he",
            engine="e",
            model="m",
            segments=1,
            speakers=2,
            timings={"decode": 0.7},
            warnings=("w",),
        ),
        error=JobError(code="worker_error", detail="d", retryable=True),
        outbox=(OutboxEvent(id="e1", type=EventType.TRANSCRIPTION_FAILED, occurred_at=NOW),),
        outbox_retry_at=NOW + 10,
        wake_at=NOW + 1.1,
    )


def make_delivery(delivery_id: str = "evt_1", **changes: Any) -> Delivery:
    """A pending delivery of tenant ``acme``, due at once."""
    delivery = Delivery(
        id=delivery_id,
        tenant="acme",
        job_id="job_1",
        event_type=EventType.TRANSCRIPTION_COMPLETED,
        occurred_at=NOW,
        url="https://example.org/hook",
        created_at=NOW,
        next_attempt_at=NOW,
    )
    return replace(delivery, **changes)


def make_full_delivery(delivery_id: str = "evt_full") -> Delivery:
    """A delivery with no field left at its default."""
    return Delivery(
        id=delivery_id,
        tenant="acme",
        job_id=None,
        event_type=EventType.WEBHOOK_TEST,
        occurred_at=NOW + 0.1,
        url="https://example.org/hook?a=ש",
        created_at=NOW + 0.2,
        mode=PayloadMode.LEGACY,
        status=DeliveryStatus.SWITCHED_OFF,
        scheduled=2,
        attempts=(
            DeliveryAttempt(at=NOW + 0.3, duration_seconds=0.7, status_code=410),
            DeliveryAttempt(at=NOW + 0.4, duration_seconds=0.0, error="timeout"),
        ),
        next_attempt_at=NOW + 0.5,
        locked_until=NOW + 0.6,
        version=9,
    )
