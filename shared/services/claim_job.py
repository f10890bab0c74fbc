"""How a worker takes a job: a conditional write that raises the attempt (fencing)."""

from __future__ import annotations

from shared.domain import lifecycle
from shared.domain.errors import IllegalTransition, NotFound, VersionConflict
from shared.domain.job import Job
from shared.ports.platform import Platform
from shared.services.count_jobs import count_change
from shared.services.update_job import publish_quietly

_CANDIDATES = 10
_TRIES = 5


def claim_job(platform: Platform, job_id: str, *, worker: str, execution: str | None) -> Job | None:
    """Claim this job; None when it is not to be had (taken, over, not due, gone)."""
    for _ in range(_TRIES):
        try:
            job = platform.jobs.get(job_id)
            return _claim(platform, job, worker=worker, execution=execution)
        except VersionConflict:
            continue  # a dispatcher or the sweep wrote in between; it may still be pending
        except (NotFound, IllegalTransition):
            return None
    return None


def claim_next(platform: Platform, *, worker: str, execution: str | None) -> Job | None:
    """Claim the first job that waits; None when none does."""
    for job in platform.jobs.pending(now=platform.clock.now(), limit=_CANDIDATES):
        try:
            return _claim(platform, job, worker=worker, execution=execution)
        except (IllegalTransition, VersionConflict):
            continue  # another worker was faster
    return None


def _claim(platform: Platform, job: Job, *, worker: str, execution: str | None) -> Job:
    claimed = lifecycle.claimed(
        job,
        worker=worker,
        execution=execution,
        now=platform.clock.now(),
        timing=platform.timing,
    )
    stored = platform.jobs.replace(claimed)
    count_change(platform, job, stored)
    return publish_quietly(platform, stored) if stored.outbox else stored
