"""What a worker that holds a job may write. Every call names the attempt it belongs to."""

from __future__ import annotations

import json

from shared.domain import lifecycle
from shared.domain.codec import to_document
from shared.domain.errors import NotFound, StaleAttempt
from shared.domain.job import Job, JobError, ResultInfo, Stage
from shared.domain.saved_work import KeptWork, SavedWork
from shared.domain.transcript import Transcript
from shared.ports.platform import Platform
from shared.services.keys_of_blobs import job_prefix, transcript_key
from shared.services.send_job import send_job
from shared.services.update_job import update_job


def report_progress(
    platform: Platform,
    job_id: str,
    *,
    attempt: int,
    stage: Stage,
    progress: float,
    audio_seconds: float | None = None,
    saved: SavedWork | None = None,
) -> Job:
    """Renew the lease and say how far the work has come, and what of it is saved.

    Raises:
        StaleAttempt: cancelled, or the lease was lost: stop working.
        NotFound: the job was purged: stop working.
    """
    return update_job(
        platform,
        job_id,
        lambda job: lifecycle.progressed(
            job,
            attempt=attempt,
            now=platform.clock.now(),
            timing=platform.timing,
            stage=stage,
            progress=progress,
            audio_seconds=audio_seconds,
            saved=saved,
        ),
    )


def complete_job(
    platform: Platform, job: Job, transcript: Transcript, *, kept: KeptWork | None = None
) -> Job:
    """Store the transcript, then write status, result and event in one write.

    Safe to repeat when the answer to the first write was lost. `kept` names what is stored already
    of a diarized job's voices.

    Raises:
        StaleAttempt: cancelled or taken over; the stored transcript is erased again, and what was
            kept unless another attempt may go on from it.
        NotFound: the job was purged; all that was stored is erased again.
    """
    body = json.dumps(to_document(transcript), ensure_ascii=False, separators=(",", ":")).encode()
    key = transcript_key(job)
    platform.blobs.put(key, [body], content_type="application/json")
    result = ResultInfo(
        key=key,
        size_bytes=len(body),
        audio_seconds=transcript.duration,
        language=transcript.language,
        engine=transcript.engine,
        model=transcript.model,
        segments=len(transcript.segments),
        speakers=len(transcript.speakers),
        timings=transcript.timings,
        warnings=transcript.warnings,
        kept=kept,
    )

    def complete(current: Job) -> Job:
        if current.result is not None and current.result.key == key:
            return current  # this attempt's own write had arrived; its transcript must stay
        return lifecycle.completed(
            current,
            attempt=job.attempt,
            result=result,
            now=platform.clock.now(),
            timing=platform.timing,
        )

    try:
        return update_job(platform, job.id, complete)
    except (StaleAttempt, NotFound):
        _withdraw(platform, job, key, kept)
        raise


def _withdraw(platform: Platform, job: Job, key: str, kept: KeptWork | None) -> None:
    """Erase what a completion stored that was refused."""
    platform.blobs.delete(key)
    try:
        over = platform.jobs.get(job.id).finished
    except NotFound:
        platform.blobs.delete_prefix(job_prefix(job.tenant, job.id))
        return
    if over and kept is not None:  # else the next attempt may go on from it
        platform.blobs.delete(kept.heard)
        platform.blobs.delete(kept.voices)


def erase_if_purged(platform: Platform, job: Job) -> None:
    """Erase what was stored of the job behind its purge: nobody else would ever look for it.

    For whoever stores something and is told afterwards that the job is not theirs. While there is
    a record nothing is done: what lies there before the record goes is erased after it.

    Raises:
        Unavailable: a store did not answer.
    """
    try:
        platform.jobs.get(job.id)
    except NotFound:
        platform.blobs.delete_prefix(job_prefix(job.tenant, job.id))


def fail_attempt(platform: Platform, job: Job, error: JobError) -> Job:
    """This attempt failed: the job waits for another, or has failed for good.

    Raises:
        StaleAttempt: the job is no longer this worker's.
    """
    after = update_job(
        platform,
        job.id,
        lambda current: lifecycle.attempt_failed(
            current,
            attempt=job.attempt,
            error=error,
            now=platform.clock.now(),
            timing=platform.timing,
        ),
    )
    send_job(platform, after)
    return after


def release_job(platform: Platform, job: Job) -> Job:
    """Give the job back unharmed, because this worker was told to end.

    Raises:
        StaleAttempt: the job is no longer this worker's.
    """
    after = update_job(
        platform,
        job.id,
        lambda current: lifecycle.released(
            current, attempt=job.attempt, now=platform.clock.now(), timing=platform.timing
        ),
    )
    send_job(platform, after)
    return after
