"""The job record: one request to transcribe, from submit to purge.

Only :mod:`shared.domain.lifecycle` changes a status. Times are Unix seconds (UTC).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from shared.domain.events import EventType, OutboxEvent
from shared.domain.options import TranscriptionOptions
from shared.domain.saved_work import KeptWork, SavedWork


class JobKind(StrEnum):
    """What the job makes."""

    TRANSCRIPTION = "transcription"
    ENHANCEMENT = "enhancement"
    REDIARIZATION = "rediarization"


class Status(StrEnum):
    """Where a job stands; the transition table is in `lifecycle.TRANSITIONS`.

    - awaiting_upload: a signed upload was handed out, the object has not arrived
    - pending: queued, or waiting for another attempt
    - processing: a worker holds the lease
    - completed, failed, cancelled: over; never left again
    """

    AWAITING_UPLOAD = "awaiting_upload"
    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


FINISHED = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED})


class Stage(StrEnum):
    """Finer than status, for people."""

    WAITING = "waiting"
    QUEUED = "queued"
    STARTING = "starting"
    FETCHING = "fetching"
    TRANSCRIBING = "transcribing"
    DIARIZING = "diarizing"
    SAVING = "saving"
    DONE = "done"


class SourceKind(StrEnum):
    """How the audio reaches the worker; with ``job``, what another job has kept of it.

    ``storage`` is an object in a bucket that is not the deployment's own; `Source.url` is its URI.
    """

    URL = "url"
    BLOB = "blob"
    STORAGE = "storage"
    JOB = "job"


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """Where the audio is: a URL to fetch, or a key in the blob store.

    `owned` blobs were put there for this job and are erased with it; a watched folder's or a
    customer's bucket object is not. `version` is the object's that the job took, and the only one
    that it works on; None in records from before it was kept. `job_id` is the job of the same
    tenant that this one goes on from.
    """

    kind: SourceKind
    url: str | None = None
    key: str | None = None
    filename: str | None = None
    content_type: str | None = None
    size_bytes: int | None = None
    version: str | None = None
    owned: bool = True
    job_id: str | None = None


class PayloadMode(StrEnum):
    """The body that a webhook carries: Standard Webhooks, or the seed service's flat one."""

    STANDARD = "standard"
    LEGACY = "legacy"


#: What a webhook hears of when the caller does not choose.
DEFAULT_WEBHOOK_EVENTS = (
    EventType.TRANSCRIPTION_COMPLETED,
    EventType.TRANSCRIPTION_FAILED,
    EventType.TRANSCRIPTION_CANCELLED,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class WebhookTarget:
    """Who hears of the job, of which events, in which shape."""

    url: str
    events: tuple[EventType, ...] = DEFAULT_WEBHOOK_EVENTS
    mode: PayloadMode = PayloadMode.STANDARD


@dataclass(frozen=True, kw_only=True, slots=True)
class JobError:
    """Why a job failed, or why its last attempt did."""

    code: str
    detail: str
    retryable: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ResultInfo:
    """What a completed job says of its transcript without opening it.

    `kept` is there when the job was diarized: what its voices can be grouped anew from.
    """

    key: str
    size_bytes: int
    audio_seconds: float
    language: str
    engine: str
    model: str
    segments: int
    speakers: int
    timings: Mapping[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    kept: KeptWork | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """The whole record. `version` counts writes; a writer names the one it read.

    - attempt: fencing number, raised by every claim
    - failures: attempts that failed, counted against `max_attempts`
    - launches: workers started for this job since it was last claimed
    - not_before: a claim before this time is refused (back-off)
    - queued_at: from when on a worker could have claimed it, the last time that it came to wait for
      one; None in records from before it was kept
    - redispatch_at: when the sweep sends the queue message again
    - outbox: events written with the status and not yet known to be published
    - saved: what attempts have finished of the transcript, for the next attempt and for readers
    - expires_at: when the sweep erases the job (retention)
    - wake_at: the one time at which the sweep must look here; derived by `lifecycle`
    """

    id: str
    tenant: str
    status: Status
    source: Source
    created_at: float
    kind: JobKind = JobKind.TRANSCRIPTION
    stage: Stage = Stage.QUEUED
    progress: float = 0.0
    options: TranscriptionOptions = field(default_factory=TranscriptionOptions)
    webhook: WebhookTarget | None = None
    recording_id: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    priority: int = 0
    retention_seconds: float | None = None
    request_hash: str | None = None
    unique_keys: tuple[str, ...] = ()
    attempt: int = 0
    failures: int = 0
    max_attempts: int = 3
    launches: int = 0
    worker: str | None = None
    execution: str | None = None
    lease_expires_at: float | None = None
    not_before: float | None = None
    queued_at: float | None = None
    redispatch_at: float | None = None
    upload_expires_at: float | None = None
    expires_at: float | None = None
    started_at: float | None = None
    finished_at: float | None = None
    updated_at: float = 0.0
    audio_seconds: float | None = None
    saved: SavedWork | None = None
    result: ResultInfo | None = None
    error: JobError | None = None
    outbox: tuple[OutboxEvent, ...] = ()
    outbox_retry_at: float | None = None
    wake_at: float | None = None
    version: int = 0

    @property
    def finished(self) -> bool:
        """Whether the status will never change again."""
        return self.status in FINISHED

    def waited(self, now: float) -> float:
        """Seconds for which it has waited for a worker by now, while it is pending."""
        return max(0.0, now - (self.created_at if self.queued_at is None else self.queued_at))


def unique_key(kind: str, tenant: str, value: str) -> str:
    """A key that at most one job may hold: an idempotency key, an upload, a bucket object."""
    return f"{kind}/{tenant}/{value}"
