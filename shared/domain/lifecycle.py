"""The only place that changes a job's status. Pure: a job and the time go in, a job comes out.

Every function raises `IllegalTransition` when the table has no such step, and derives `wake_at`
anew, so that no path can forget to have the sweep look at what it leaves behind.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from shared.domain.errors import IllegalTransition, StaleAttempt
from shared.domain.events import EventType, OutboxEvent
from shared.domain.job import Job, JobError, JobKind, ResultInfo, Source, Stage, Status
from shared.domain.saved_work import SavedWork

#: From each status, where a job may go. `processing → pending` is a lost lease or a retry.
TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.AWAITING_UPLOAD: frozenset({Status.PENDING, Status.FAILED, Status.CANCELLED}),
    Status.PENDING: frozenset({Status.PROCESSING, Status.FAILED, Status.CANCELLED}),
    Status.PROCESSING: frozenset(
        {Status.PENDING, Status.COMPLETED, Status.FAILED, Status.CANCELLED}
    ),
    Status.COMPLETED: frozenset(),
    Status.FAILED: frozenset(),
    Status.CANCELLED: frozenset(),
}

_TRANSCRIPTION_EVENTS = {
    Status.PROCESSING: EventType.TRANSCRIPTION_PROCESSING,
    Status.COMPLETED: EventType.TRANSCRIPTION_COMPLETED,
    Status.FAILED: EventType.TRANSCRIPTION_FAILED,
    Status.CANCELLED: EventType.TRANSCRIPTION_CANCELLED,
}

_EVENTS: dict[tuple[JobKind, Status], EventType] = {
    # A rediarization ends in a transcript too: whoever waits for one needs no other event.
    **{(JobKind.TRANSCRIPTION, status): event for status, event in _TRANSCRIPTION_EVENTS.items()},
    **{(JobKind.REDIARIZATION, status): event for status, event in _TRANSCRIPTION_EVENTS.items()},
    (JobKind.ENHANCEMENT, Status.COMPLETED): EventType.ENHANCEMENT_COMPLETED,
    (JobKind.ENHANCEMENT, Status.FAILED): EventType.ENHANCEMENT_FAILED,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Timing:
    """Seconds that steer retries and the sweep.

    - lease_seconds: how long a claim holds without renewal
    - redispatch_seconds: after which a pending job is sent again; grows with the time it waited
    - longest_redispatch_seconds: up to this
    - outbox_retry_seconds: after which an unpublished event is sent again
    - retry_backoff_seconds: first wait before another attempt; doubles each time
    """

    lease_seconds: float = 60.0
    redispatch_seconds: float = 60.0
    longest_redispatch_seconds: float = 60.0
    outbox_retry_seconds: float = 10.0
    retry_backoff_seconds: float = 5.0


def submitted(job: Job, *, timing: Timing) -> Job:
    """A new job, pending or awaiting its upload, as it is first written."""
    job = replace(job, updated_at=job.created_at)
    if job.status is Status.AWAITING_UPLOAD:
        return _woken(replace(job, stage=Stage.WAITING))
    if job.status is not Status.PENDING:
        raise IllegalTransition(f"a job can't start as {job.status}")
    return _queued(job, now=job.created_at, timing=timing)


def uploaded(job: Job, *, now: float, source: Source, timing: Timing) -> Job:
    """The awaited object arrived; `source` says which version of it."""
    job = _moved(job, Status.PENDING, now=now)
    job = replace(job, source=source, upload_expires_at=None)
    return _queued(job, now=now, timing=timing)


def dispatched(job: Job, *, now: float, timing: Timing, launching: bool) -> Job:
    """The queue message was handled: look again only if no worker claims the job."""
    return _woken(
        replace(
            job,
            launches=job.launches + launching,
            redispatch_at=now + _redispatch_wait(job, now=now, timing=timing),
            updated_at=now,
        )
    )


def _redispatch_wait(job: Job, *, now: float, timing: Timing) -> float:
    """As long as the job has waited already: in a long queue most messages find no free worker."""
    waited = min(now - job.created_at, timing.longest_redispatch_seconds)
    return max(timing.redispatch_seconds, waited)


def launch_failed(job: Job) -> Job:
    """The worker that `dispatched` counted could not be started: it says nothing of the job."""
    return replace(job, launches=max(0, job.launches - 1))


def swept_in_vain(job: Job, *, now: float, timing: Timing) -> Job:
    """The sweep could not mend it: let others have their turn before it is looked at again."""
    return replace(job, wake_at=now + timing.redispatch_seconds)


def claimed(job: Job, *, worker: str, execution: str | None, now: float, timing: Timing) -> Job:
    """A worker takes the job: the attempt rises, the lease begins."""
    if job.not_before is not None and now < job.not_before:
        raise IllegalTransition("the job's next attempt is not due yet")
    first = job.attempt == 0
    claimed_job = _moved(job, Status.PROCESSING, now=now, emit=first, timing=timing)
    return _woken(
        replace(
            claimed_job,
            attempt=job.attempt + 1,
            stage=Stage.STARTING,
            progress=0.0,
            launches=0,
            worker=worker,
            execution=execution,
            lease_expires_at=now + timing.lease_seconds,
            started_at=job.started_at or now,
            not_before=None,
            redispatch_at=None,
        )
    )


def require_attempt(job: Job, attempt: int) -> None:
    """Fencing: refuse a write by a worker that does not hold the job.

    Raises:
        StaleAttempt: the job is not processing, or another attempt is.
    """
    if job.status is not Status.PROCESSING or job.attempt != attempt:
        msg = f"attempt {attempt} does not hold the job: {job.status}, attempt {job.attempt}"
        raise StaleAttempt(msg)


def progressed(
    job: Job,
    *,
    attempt: int,
    now: float,
    timing: Timing,
    stage: Stage,
    progress: float,
    audio_seconds: float | None = None,
    saved: SavedWork | None = None,
) -> Job:
    """Renew the lease and tell how far the worker has measured itself to be (0..1).

    `saved` is what is saved of the work by now; None leaves what the record says.
    """
    require_attempt(job, attempt)
    return _woken(
        replace(
            job,
            stage=stage,
            progress=max(job.progress, min(progress, 1.0)),
            audio_seconds=job.audio_seconds if audio_seconds is None else audio_seconds,
            saved=job.saved if saved is None else saved,
            lease_expires_at=now + timing.lease_seconds,
            updated_at=now,
        )
    )


def completed(job: Job, *, attempt: int, result: ResultInfo, now: float, timing: Timing) -> Job:
    """The transcript is stored: status and event are one write."""
    require_attempt(job, attempt)
    job = _moved(job, Status.COMPLETED, now=now, emit=True, timing=timing)
    return _over(
        replace(
            job,
            result=result,
            audio_seconds=result.audio_seconds,
            progress=1.0,
            stage=Stage.DONE,
            error=None,
        ),
        now=now,
    )


def attempt_failed(job: Job, *, attempt: int, error: JobError, now: float, timing: Timing) -> Job:
    """An attempt failed: pending again while attempts are left and it may help, else failed."""
    require_attempt(job, attempt)
    failures = job.failures + 1
    if not error.retryable or failures >= job.max_attempts:
        return failed(replace(job, failures=failures), error=error, now=now, timing=timing)
    wait = timing.retry_backoff_seconds * 2 ** (failures - 1)
    job = _moved(job, Status.PENDING, now=now)
    job = replace(job, failures=failures, error=error, not_before=now + wait)
    return _queued(job, now=now, timing=timing)


def lease_lost(job: Job, *, now: float, timing: Timing, known_dead: bool = False) -> Job:
    """The worker went silent, or is known to be dead; counts as a failed attempt."""
    if not known_dead and (job.lease_expires_at is None or now < job.lease_expires_at):
        raise IllegalTransition("the lease has not expired")
    error = JobError(
        code="worker_lost",
        detail=f"the worker of attempt {job.attempt} stopped renewing its lease",
        retryable=True,
    )
    return attempt_failed(job, attempt=job.attempt, error=error, now=now, timing=timing)


def released(job: Job, *, attempt: int, now: float, timing: Timing) -> Job:
    """A worker told to end gives its job back; not the job's failure."""
    require_attempt(job, attempt)
    return _queued(_moved(job, Status.PENDING, now=now), now=now, timing=timing)


def failed(job: Job, *, error: JobError, now: float, timing: Timing) -> Job:
    """Over for good; the event is part of the same write."""
    job = _moved(job, Status.FAILED, now=now, emit=True, timing=timing)
    return _over(replace(job, error=error), now=now)


def cancelled(job: Job, *, now: float, timing: Timing) -> Job:
    """Cancel wins: from here no completion is accepted."""
    job = _moved(job, Status.CANCELLED, now=now, emit=True, timing=timing)
    return _over(job, now=now)


def events_published(job: Job, ids: frozenset[str]) -> Job:
    """The bus has taken these events; the rest is tried again later."""
    outbox = tuple(event for event in job.outbox if event.id not in ids)
    return _woken(
        replace(job, outbox=outbox, outbox_retry_at=job.outbox_retry_at if outbox else None)
    )


def outbox_postponed(job: Job, *, now: float, timing: Timing) -> Job:
    """The bus did not answer: let the sweep try again later, not at once."""
    return _woken(replace(job, outbox_retry_at=now + timing.outbox_retry_seconds))


def _moved(
    job: Job, to: Status, *, now: float, emit: bool = False, timing: Timing | None = None
) -> Job:
    if to not in TRANSITIONS[job.status]:
        raise IllegalTransition(f"a {job.status} job can't become {to}")
    changes: dict[str, Any] = {"status": to, "updated_at": now}
    event = _EVENTS.get((job.kind, to)) if emit else None
    if event is not None and timing is not None:
        # No full stop: Standard Webhooks signs "id.timestamp.body" and forbids one in the id.
        entry = OutboxEvent(id=f"{job.id}_{to}", type=event, occurred_at=now)
        changes["outbox"] = (*job.outbox, entry)
        changes["outbox_retry_at"] = now + timing.outbox_retry_seconds
    return replace(job, **changes)


def _queued(job: Job, *, now: float, timing: Timing) -> Job:
    claimable = max(now, job.not_before or 0.0)
    return _woken(
        replace(
            job,
            stage=Stage.QUEUED,
            progress=0.0,
            worker=None,
            execution=None,
            lease_expires_at=None,
            queued_at=claimable,
            redispatch_at=claimable + timing.redispatch_seconds,
        )
    )


def _over(job: Job, *, now: float) -> Job:
    expires = None if job.retention_seconds is None else now + job.retention_seconds
    return _woken(
        replace(
            job,
            finished_at=now,
            expires_at=expires,
            lease_expires_at=None,
            redispatch_at=None,
            not_before=None,
            upload_expires_at=None,
        )
    )


def _woken(job: Job) -> Job:
    """Derive the one time at which the sweep must look at the record."""
    times = (
        job.outbox_retry_at if job.outbox else None,
        job.upload_expires_at,
        job.redispatch_at,
        job.lease_expires_at,
        job.expires_at,
    )
    return replace(job, wake_at=min((time for time in times if time is not None), default=None))
