"""Grouping a finished job's voices anew, with other limits, as a job of its own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from shared.domain import lifecycle
from shared.domain.codec import to_document
from shared.domain.errors import Conflict
from shared.domain.job import (
    Job,
    JobKind,
    Source,
    SourceKind,
    Status,
    WebhookTarget,
    unique_key,
)
from shared.domain.options import DiarizationArgs
from shared.ports.platform import Platform
from shared.services.check_options import check_diarization
from shared.services.count_jobs import count_submitted
from shared.services.read_job import read_job
from shared.services.read_transcript import require_result
from shared.services.send_job import send_job
from shared.services.submit_job import Submitted, check_webhook_url, same_request
from shared.services.update_job import publish_quietly


@dataclass(frozen=True, kw_only=True, slots=True)
class Rediarization:
    """What a caller asks for; None means as the job `job_id` has it.

    `same_webhook` tells the webhook of that job; `webhook` another, and neither nobody.
    """

    tenant: str
    job_id: str
    args: DiarizationArgs = field(default_factory=DiarizationArgs)
    webhook: WebhookTarget | None = None
    same_webhook: bool = False
    recording_id: str | None = None
    metadata: Mapping[str, str] | None = None
    priority: int | None = None
    retention_seconds: float | None = None
    idempotency_key: str | None = None


def rediarize_job(platform: Platform, asked: Rediarization) -> Submitted:
    """Record the new job, then tell the queue; the finished job stays as it is.

    Raises:
        NotFound: no such job, or another tenant's.
        Conflict: ``job_not_completed``, or ``job_not_diarized``: no voices were kept.
        InvalidRequest: limits out of range, or a webhook's URL that can't be accepted.
        IdempotencyKeyReused: the key belongs to a job from another request.
        Unavailable: the store did not answer: nothing was promised.
    """
    parent = read_job(platform, tenant=asked.tenant, job_id=asked.job_id)
    require_result(parent)
    if parent.result is None or parent.result.kept is None:
        raise Conflict(
            f"job {parent.id} has no voices to group: it was not diarized, or by a version that"
            " did not keep them; submit its audio with diarize: true",
            code="job_not_diarized",
        )
    options = replace(parent.options, diarization_args=asked.args)
    check_diarization(options)
    check_webhook_url(platform, asked.webhook)
    job = replace(_new_job(platform, asked, parent), options=options)
    stored = platform.jobs.create(lifecycle.submitted(job, timing=platform.timing))
    if stored.id != job.id:
        return Submitted(job=same_request(stored, job), created=False)
    count_submitted(platform)
    send_job(platform, stored)
    return Submitted(job=publish_quietly(platform, stored), created=True)


def _new_job(platform: Platform, asked: Rediarization, parent: Job) -> Job:
    unique: tuple[str, ...] = ()
    if asked.idempotency_key is not None:
        unique = (unique_key("idempotency", asked.tenant, asked.idempotency_key),)
    webhook = parent.webhook if asked.same_webhook else asked.webhook
    metadata = parent.metadata if asked.metadata is None else asked.metadata
    retention = asked.retention_seconds
    return Job(
        id=platform.ids.new("job"),
        tenant=asked.tenant,
        status=Status.PENDING,
        kind=JobKind.REDIARIZATION,
        source=Source(
            kind=SourceKind.JOB, job_id=parent.id, filename=parent.source.filename, owned=False
        ),
        created_at=platform.clock.now(),
        webhook=webhook,
        recording_id=parent.recording_id if asked.recording_id is None else asked.recording_id,
        metadata=dict(metadata),
        priority=parent.priority if asked.priority is None else asked.priority,
        retention_seconds=parent.retention_seconds if retention is None else retention,
        request_hash=_request_hash(asked),
        unique_keys=unique,
        max_attempts=platform.limits.max_attempts,
    )


def _request_hash(asked: Rediarization) -> str:
    document = to_document(replace(asked, idempotency_key=None))
    return hashlib.sha256(json.dumps(["rediarize", document], sort_keys=True).encode()).hexdigest()
