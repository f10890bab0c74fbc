"""From a queue message to a running worker, without starting one that is not needed."""

from __future__ import annotations

from contextlib import suppress
from enum import StrEnum

from shared.domain import lifecycle
from shared.domain.errors import NotFound, Unavailable, VersionConflict
from shared.domain.job import Job, JobError, Status
from shared.ports.platform import Platform
from shared.services.update_job import update_job


class Dispatch(StrEnum):
    """What became of a message."""

    LAUNCHED = "launched"
    WORKER_BUSY = "worker_busy"
    NOTHING_TO_DO = "nothing_to_do"
    GAVE_UP = "gave_up"


def dispatch_job(platform: Platform, job_id: str) -> Dispatch:
    """Start a worker for a pending job, unless a warm one is free or the limit is reached.

    The record is written before the worker is started: of two dispatchers with the same message
    one starts a worker, and a crash in between is mended by `redispatch_at`.

    Raises:
        Unavailable: the store or the launcher did not answer; the message should come again.
    """
    try:
        job = platform.jobs.get(job_id)
    except NotFound:
        return Dispatch.NOTHING_TO_DO  # purged
    now = platform.clock.now()
    if job.status is not Status.PENDING or (job.not_before or 0.0) > now:
        return Dispatch.NOTHING_TO_DO
    if job.launches >= platform.limits.max_launches:
        _give_up(platform, job)
        return Dispatch.GAVE_UP
    if not _needs_worker(platform):
        # Nothing to write: a worker that ends its job claims the next, and if none does, the time
        # that was set with the record has the sweep send again.
        return Dispatch.WORKER_BUSY
    try:
        stored = platform.jobs.replace(
            lifecycle.dispatched(job, now=now, timing=platform.timing, launching=True)
        )
    except VersionConflict:
        return Dispatch.NOTHING_TO_DO  # another dispatcher, a worker or a cancel was faster
    try:
        platform.launcher.start(job_id=job.id, attempt=job.attempt + 1)
    except Unavailable:
        _not_launched(platform, stored)
        raise
    return Dispatch.LAUNCHED


def _not_launched(platform: Platform, stored: Job) -> None:
    """A launcher that is down for a while must not use up the job's launches."""
    with suppress(VersionConflict, Unavailable):
        platform.jobs.replace(lifecycle.launch_failed(stored))


def _needs_worker(platform: Platform) -> bool:
    """Below the limit, and more jobs wait than workers are warm or warming up."""
    running = len(platform.launcher.active())
    if running >= platform.limits.max_workers:
        return False
    counts = platform.jobs.counts()
    free = running - counts[Status.PROCESSING]
    return free < counts[Status.PENDING]


def _give_up(platform: Platform, job: Job) -> None:
    """Workers were started again and again and none claimed the job: tell, don't loop."""
    error = JobError(
        code="worker_not_starting",
        detail=f"{job.launches} workers were started and none claimed the job; see their logs",
    )

    def fail(current: Job) -> Job:
        if current.status is not Status.PENDING or current.launches < platform.limits.max_launches:
            return current
        return lifecycle.failed(
            current, error=error, now=platform.clock.now(), timing=platform.timing
        )

    update_job(platform, job.id, fail)
