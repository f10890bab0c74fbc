"""From records to answers."""

from __future__ import annotations

from functions.api.schemas.jobs import JobErrorOut, JobOut, JobSummary, SourceOut, WebhookOut
from functions.api.schemas.keys import KeyOut
from functions.api.schemas.transcribe import Accepted, Links
from functions.api.schemas.transcript import TranscriptOut
from functions.api.schemas.webhooks import AttemptOut, DeliveryOut
from functions.schemas.options import DiarizationArgs, OptionFields, OutputOptions
from shared.domain.api_keys import ApiKey
from shared.domain.codec import to_document
from shared.domain.costs import estimated_cost
from shared.domain.deliveries import Delivery
from shared.domain.job import Job, Status
from shared.domain.options import TranscriptionOptions
from shared.ports.platform import Platform
from shared.services.build_payload import iso_time
from shared.services.read_transcript import read_transcript


def job_path(job_id: str) -> str:
    """Where the job is to be asked for."""
    return f"/api/v1/jobs/{job_id}"


def accepted(job: Job) -> Accepted:
    """The answer to a submit; the same however far the job has come when it is repeated."""
    waiting = job.status is Status.AWAITING_UPLOAD
    return Accepted(
        job_id=job.id,
        status=Status.AWAITING_UPLOAD if waiting else Status.PENDING,
        created_at=iso_time(job.created_at),
        message="Accepted. GET links.self tells how far it has come.",
        links=_links(job),
    )


def job_summary(job: Job, *, cost_per_hour: float | None = None) -> JobSummary:
    """A job without its transcript; its cost, if an hour of a worker has a price."""
    return JobSummary.model_validate(_summary(job, cost_per_hour))


def job_out(platform: Platform, job: Job) -> JobOut:
    """A job with its transcript, or a signed URL to it when it is large.

    Raises:
        Unavailable: the transcript could not be read.
    """
    result = url = None
    if job.status is Status.COMPLETED and job.result is not None:
        if job.result.size_bytes <= platform.limits.inline_result_bytes:
            found = to_document(read_transcript(platform, job))
            result = TranscriptOut.model_validate(found)
        else:
            url = platform.blobs.sign_download(
                job.result.key,
                expires_in=platform.limits.download_seconds,
                filename=f"{job.id}.json",
            )
    summary = _summary(job, platform.limits.cost_per_hour)
    return JobOut.model_validate(summary | {"result": result, "result_url": url})


def key_fields(key: ApiKey) -> dict[str, object]:
    """A key's fields without its hash."""
    return {
        "id": key.id,
        "tenant": key.tenant,
        "scopes": sorted(key.scopes),
        "name": key.name,
        "created_at": iso_time(key.created_at),
        "expires_at": _time(key.expires_at),
        "revoked_at": _time(key.revoked_at),
    }


def key_out(key: ApiKey) -> KeyOut:
    """A key as it is listed."""
    return KeyOut.model_validate(key_fields(key))


def delivery_out(delivery: Delivery) -> DeliveryOut:
    """A delivery with its attempts."""
    return DeliveryOut(
        id=delivery.id,
        job_id=delivery.job_id,
        event_type=delivery.event_type,
        occurred_at=iso_time(delivery.occurred_at),
        url=delivery.url,
        mode=delivery.mode,
        status=delivery.status,
        created_at=iso_time(delivery.created_at),
        next_attempt_at=_time(delivery.next_attempt_at),
        attempts=[
            AttemptOut(
                at=iso_time(attempt.at),
                duration_seconds=attempt.duration_seconds,
                status_code=attempt.status_code,
                error=attempt.error,
            )
            for attempt in delivery.attempts
        ],
    )


def _summary(job: Job, cost_per_hour: float | None) -> dict[str, object]:
    return {
        "job_id": job.id,
        "kind": job.kind,
        "status": job.status,
        "stage": job.stage,
        "progress": job.progress,
        "recording_id": job.recording_id,
        "metadata": dict(job.metadata),
        "priority": job.priority,
        "attempt": job.attempt,
        "max_attempts": job.max_attempts,
        "source": SourceOut(
            kind=job.source.kind,
            filename=job.source.filename,
            content_type=job.source.content_type,
            size_bytes=job.source.size_bytes,
            job_id=job.source.job_id,
        ),
        "options": _options(job.options),
        "webhook": _webhook(job),
        "created_at": iso_time(job.created_at),
        "updated_at": iso_time(job.updated_at),
        "started_at": _time(job.started_at),
        "finished_at": _time(job.finished_at),
        "upload_expires_at": _time(job.upload_expires_at),
        "expires_at": _time(job.expires_at),
        "error": None if job.error is None else JobErrorOut(**to_document(job.error)),
        "links": _links(job),
        "cost": estimated_cost(job, cost_per_hour),
    } | _of_result(job)


def _of_result(job: Job) -> dict[str, object]:
    result = job.result
    return {
        "audio_seconds": job.audio_seconds if result is None else result.audio_seconds,
        "language": None if result is None else result.language,
        "timings": None if result is None else dict(result.timings),
        "warnings": [] if result is None else list(result.warnings),
    }


def _options(options: TranscriptionOptions) -> OptionFields:
    """What was asked, every default explicit; built without checks, which were made at submit."""
    fields = to_document(options)
    output = OutputOptions(**fields.pop("output_options"))
    ladder = fields.pop("temperature")
    return OptionFields.model_construct(
        **fields
        | {
            "diarization_args": DiarizationArgs(**fields["diarization_args"]),
            "output_options": output,
            "word_timestamps": output.word_timestamps,
            "extra_data": output.extra_data,
            "temperature": tuple(ladder) if isinstance(ladder, list) else (ladder,),
            "task": options.task,
            "channels": options.channels,
            "accuracy": options.accuracy,
        }
    )


def _webhook(job: Job) -> WebhookOut | None:
    if job.webhook is None:
        return None
    return WebhookOut(url=job.webhook.url, events=list(job.webhook.events), mode=job.webhook.mode)


def _links(job: Job) -> Links:
    path = job_path(job.id)
    return Links(
        self=path,
        transcript=f"{path}/transcript",
        segments=f"{path}/segments",
        events=f"{path}/events",
    )


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else iso_time(seconds)
