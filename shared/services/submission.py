"""What a caller hands to `submit_job`, whichever door it came through."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from shared.domain.job import WebhookTarget
from shared.domain.options import TranscriptionOptions
from shared.ports.blob_store import BlobInfo


@dataclass(frozen=True, kw_only=True, slots=True)
class UrlAudio:
    """Fetch it from there, guarded."""

    url: str


@dataclass(frozen=True, kw_only=True, slots=True)
class NamedAudio:
    """An object that the caller names where it lies (``s3://bucket/key``)."""

    uri: str
    filename: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class BytesAudio:
    """It came with the request; read once, never held in memory as a whole."""

    chunks: Iterable[bytes]
    filename: str | None = None
    content_type: str | None = None
    max_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class UploadAudio:
    """A signed upload, arrived or still to come."""

    upload_id: str
    filename: str | None = None
    content_type: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredAudio:
    """An object that somebody else put into the store; the same version is the same job."""

    info: BlobInfo
    filename: str | None = None
    owned: bool = False


Audio = UrlAudio | NamedAudio | BytesAudio | UploadAudio | StoredAudio


@dataclass(frozen=True, kw_only=True, slots=True)
class Submission:
    """What a caller asks for; `retention_seconds` None means the deployment's default."""

    tenant: str
    audio: Audio
    options: TranscriptionOptions = field(default_factory=TranscriptionOptions)
    webhook: WebhookTarget | None = None
    recording_id: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    priority: int = 0
    retention_seconds: float | None = None
    idempotency_key: str | None = None
