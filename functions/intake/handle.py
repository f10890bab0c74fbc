"""From an object in the bucket to a job: a signed upload's, or one that somebody dropped there.

A dropped object lies under ``tenants/<tenant>/inbox/``. The same version of the same object is the
same job, however often its event comes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.domain.api_keys import check_tenant
from shared.domain.job import Job, WebhookTarget
from shared.domain.options import TranscriptionOptions
from shared.ports.blob_store import BlobInfo
from shared.ports.platform import Platform
from shared.services.keys_of_blobs import parse_upload_key, safe_name
from shared.services.start_upload import object_arrived
from shared.services.submission import StoredAudio, Submission
from shared.services.submit_job import submit_job
from shared.services.take_audio import object_unique_key

_INBOX = "inbox"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wishes:
    """What is asked of a dropped object: its event can't say, a file beside it may."""

    options: TranscriptionOptions = field(default_factory=TranscriptionOptions)
    webhook: WebhookTarget | None = None
    recording_id: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    priority: int = 0
    retention_seconds: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrival:
    """An object that has arrived under `key`; `owned` ones are erased with their job.

    `info` is what the store said of it, where that was asked already.
    """

    key: str
    info: BlobInfo | None = None
    filename: str | None = None
    owned: bool = False
    wishes: Wishes = field(default_factory=Wishes)


def handle(platform: Platform, arrival: Arrival) -> Job | None:
    """Start the job of an arrived object; None for an object that is none of a caller's.

    Raises:
        InvalidRequest: the wishes can't be honoured.
        NotFound: the object is gone again.
        Unavailable: a store did not answer; the event should come again.
    """
    if parse_upload_key(arrival.key) is not None:
        return object_arrived(platform, arrival.key)
    tenant = inbox_tenant(arrival.key)
    if tenant is None:
        return None
    info = arrival.info or platform.blobs.stat(arrival.key)
    known = platform.jobs.find_unique(object_unique_key(tenant, info))
    if known is not None:
        return known  # whatever is wished now: the object was taken, with what was wished then
    audio = StoredAudio(info=info, filename=arrival.filename, owned=arrival.owned)
    wishes = arrival.wishes
    submission = Submission(
        tenant=check_tenant(tenant),
        audio=audio,
        options=wishes.options,
        webhook=wishes.webhook,
        recording_id=wishes.recording_id,
        metadata=wishes.metadata,
        priority=wishes.priority,
        retention_seconds=wishes.retention_seconds,
    )
    return submit_job(platform, submission).job


def inbox_key(tenant: str, name: str, *, folder: str) -> str:
    """Where a dropped file is put; `folder` keeps files of the same name apart."""
    return f"tenants/{tenant}/{_INBOX}/{folder}/{safe_name(name)}"


def inbox_tenant(key: str) -> str | None:
    """The tenant into whose inbox the object was dropped, None for any other object."""
    parts = key.split("/", 3)
    dropped = len(parts) > len(("tenants", "tenant", _INBOX)) and parts[0] == "tenants"
    return parts[1] if dropped and parts[2] == _INBOX else None
