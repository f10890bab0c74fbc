"""A dropped object that can't be taken: told as a failed job, since nobody waits for an answer."""

from __future__ import annotations

import hashlib
import json

from shared.domain import lifecycle
from shared.domain.errors import TamlilError
from shared.domain.job import (
    Job,
    JobError,
    Source,
    SourceKind,
    Status,
    WebhookTarget,
    unique_key,
)
from shared.ports.blob_store import BlobInfo
from shared.ports.platform import Platform
from shared.services.count_jobs import count_refused
from shared.services.update_job import publish_quietly


def refuse_object(
    platform: Platform,
    info: BlobInfo,
    error: TamlilError,
    *,
    tenant: str,
    filename: str | None = None,
    webhook: WebhookTarget | None = None,
    recording_id: str | None = None,
) -> Job:
    """Record the refusal once for this version of the object and what its metadata asks.

    The object may still be taken, when it comes again with other wishes.

    Pending and failed are one write: no worker ever sees it. The object stays where it is, and
    goes with the job when that is erased.

    Raises:
        Unavailable: the store did not answer.
    """
    now = platform.clock.now()
    job = Job(
        id=platform.ids.new("job"),
        tenant=tenant,
        status=Status.PENDING,
        source=Source(
            kind=SourceKind.BLOB,
            key=info.key,
            filename=filename,
            content_type=info.content_type,
            size_bytes=info.size_bytes,
            version=info.version,
        ),
        created_at=now,
        webhook=webhook,
        recording_id=recording_id,
        retention_seconds=platform.limits.retention_seconds,
        unique_keys=(_refusal_key(tenant, info),),
        max_attempts=platform.limits.max_attempts,
    )
    queued = lifecycle.submitted(job, timing=platform.timing)
    reason = JobError(code=error.code, detail=error.detail)
    failed = lifecycle.failed(queued, error=reason, now=now, timing=platform.timing)
    stored = platform.jobs.create(failed)
    if stored.id != failed.id:
        return stored
    count_refused(platform)
    return publish_quietly(platform, stored)


def _refusal_key(tenant: str, info: BlobInfo) -> str:
    asked = json.dumps(dict(info.metadata), sort_keys=True)
    wishes = hashlib.sha256(asked.encode()).hexdigest()[:32]
    return unique_key("refused", tenant, f"{info.key}#{info.version}#{wishes}")
