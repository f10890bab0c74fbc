"""One service behind every door: HTTP, multipart, signed upload, watched folder, bucket event."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace

from shared.domain import lifecycle
from shared.domain.codec import to_document
from shared.domain.errors import IdempotencyKeyReused, TamlilError, Unavailable, UrlRefused
from shared.domain.job import Job, Status, WebhookTarget, unique_key
from shared.ports.platform import Platform
from shared.services.check_options import check_options
from shared.services.count_jobs import count_submitted
from shared.services.send_job import send_job
from shared.services.start_upload import start_upload
from shared.services.submission import Submission, UrlAudio
from shared.services.take_audio import Intake, take_audio
from shared.services.update_job import publish_quietly
from shared.webhooks.url_policy import UrlPolicy, check_url


@dataclass(frozen=True, kw_only=True, slots=True)
class Submitted:
    """`created` is False when an earlier request made this job."""

    job: Job
    created: bool


def submit_job(platform: Platform, submission: Submission) -> Submitted:
    """Record the job, then tell the queue; a crash in between is mended by the sweep.

    Raises:
        InvalidRequest: an option, the URL or the webhook's URL can't be accepted.
        LimitExceeded: the audio is larger than allowed.
        Conflict: the upload was erased with its job.
        IdempotencyKeyReused: the key belongs to a job from another request.
        Unavailable: the store did not answer: nothing was promised.
    """
    options = check_options(platform.limits, submission.options)
    _check_urls(platform, submission)
    job_id = platform.ids.new("job")
    intake = take_audio(platform, submission, job_id)
    job = _new_job(platform, replace(submission, options=options), job_id, intake)
    try:
        stored = platform.jobs.create(lifecycle.submitted(job, timing=platform.timing))
    except TamlilError as exc:
        if not (isinstance(exc, Unavailable) and exc.retryable):  # else it may be written after all
            _give_back(platform, intake)
        raise
    if stored.id != job.id:
        _give_back(platform, intake)
        return Submitted(job=same_request(stored, job), created=False)
    count_submitted(platform)
    if stored.status is Status.AWAITING_UPLOAD:
        # The object may have arrived between the look and the write.
        stored = start_upload(platform, stored)
    else:
        send_job(platform, stored)
    return Submitted(job=publish_quietly(platform, stored), created=True)


def _give_back(platform: Platform, intake: Intake) -> None:
    """There will be no job that the bytes which came with this request could be erased with."""
    if intake.stored_here and intake.source.key:
        platform.blobs.delete(intake.source.key)


def _check_urls(platform: Platform, submission: Submission) -> None:
    if isinstance(submission.audio, UrlAudio):
        check_url(submission.audio.url, _url_policy(platform))
    check_webhook_url(platform, submission.webhook)


def check_webhook_url(platform: Platform, webhook: WebhookTarget | None) -> None:
    """Refuse a webhook's URL that must not be called.

    Raises:
        UrlRefused: the guard said no.
    """
    if webhook is not None:
        try:
            check_url(webhook.url, _url_policy(platform))
        except UrlRefused as exc:
            raise UrlRefused(f"webhook_url: {exc.detail}", field="webhook_url") from exc


def _url_policy(platform: Platform) -> UrlPolicy:
    return UrlPolicy(
        allow_loopback=platform.webhooks.allow_loopback,
        allow_private_networks=platform.webhooks.allow_private_networks,
    )


def _new_job(platform: Platform, submission: Submission, job_id: str, intake: Intake) -> Job:
    now = platform.clock.now()
    unique = intake.unique
    if submission.idempotency_key is not None:
        own = unique_key("idempotency", submission.tenant, submission.idempotency_key)
        unique = (own, *unique)
    retention = submission.retention_seconds
    waiting = intake.status is Status.AWAITING_UPLOAD
    return Job(
        id=job_id,
        tenant=submission.tenant,
        status=intake.status,
        source=intake.source,
        created_at=now,
        options=submission.options,
        webhook=submission.webhook,
        recording_id=submission.recording_id,
        metadata=dict(submission.metadata),
        priority=submission.priority,
        retention_seconds=platform.limits.retention_seconds if retention is None else retention,
        request_hash=_request_hash(submission, intake.fingerprint),
        unique_keys=unique,
        max_attempts=platform.limits.max_attempts,
        upload_expires_at=now + platform.limits.upload_seconds if waiting else None,
    )


def _request_hash(submission: Submission, fingerprint: str) -> str:
    webhook = submission.webhook
    parts = [
        fingerprint,
        to_document(submission.options),
        to_document(webhook) if webhook else None,
        submission.recording_id,
        dict(submission.metadata),
        submission.priority,
        submission.retention_seconds,
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def same_request(stored: Job, asked: Job) -> Job:
    """Return the job that an earlier, equal request made.

    Raises:
        IdempotencyKeyReused: the earlier request was another.
    """
    if stored.request_hash == asked.request_hash:
        return stored
    shared = set(stored.unique_keys) & set(asked.unique_keys)
    if any(key.startswith("idempotency/") for key in shared):
        raise IdempotencyKeyReused(
            f"this Idempotency-Key belongs to job {stored.id}, which came from another request",
            field="Idempotency-Key",
        )
    raise IdempotencyKeyReused(
        f"this audio was already submitted, with other options, as job {stored.id}",
        code="source_already_submitted",
    )
