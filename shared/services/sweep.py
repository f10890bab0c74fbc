"""Look at every record whose time has come, and do what a crash or a lost message left undone."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass

from shared.domain import lifecycle
from shared.domain.errors import NotFound, TamlilError, Unavailable
from shared.domain.job import Job, Status
from shared.ports.platform import Platform
from shared.services.cancel_job import erase_job
from shared.services.publish_events import publish_events
from shared.services.send_job import send_job
from shared.services.start_upload import expire_upload
from shared.services.update_job import update_job

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class SweepReport:
    """How many records were looked at, and how many could not be mended this time."""

    seen: int
    troubled: int


def sweep(platform: Platform, *, limit: int = 100) -> SweepReport:
    """Mend up to `limit` overdue jobs. One that makes trouble does not stop the others.

    Raises:
        Unavailable: the store could not even be asked.
    """
    due = platform.jobs.due(now=platform.clock.now(), limit=limit)
    troubled = 0
    for job in due:
        try:
            _mend(platform, job)
        except TamlilError as exc:
            troubled += 1
            _log.warning("sweep left a job behind", extra={"job_id": job.id, "error": exc.detail})
            _put_back(platform, job)
    return SweepReport(seen=len(due), troubled=troubled)


def execution_ended(platform: Platform, execution: str) -> int:
    """A worker is known to be dead: don't wait for its leases to run out.

    Returns how many jobs it held.
    """
    held = platform.jobs.held_by(execution)
    for job in held:
        with suppress(NotFound):  # purged in between
            _lose_lease(platform, job, execution=execution)
    return len(held)


def _put_back(platform: Platform, job: Job) -> None:
    """Records that can't be mended must not fill every round and starve the others."""
    now = platform.clock.now()
    with suppress(TamlilError):
        platform.jobs.replace(lifecycle.swept_in_vain(job, now=now, timing=platform.timing))


def _mend(platform: Platform, job: Job) -> None:
    now = platform.clock.now()
    if job.finished and job.expires_at is not None and job.expires_at <= now:
        erase_job(platform, job.id)
        return
    if job.outbox and (job.outbox_retry_at or 0.0) <= now:
        job = _publish(platform, job)
    if job.status is Status.AWAITING_UPLOAD:
        expire_upload(platform, job)
    elif job.status is Status.PENDING and (job.redispatch_at or now + 1) <= now:
        _redispatch(platform, job)
    elif job.status is Status.PROCESSING and (job.lease_expires_at or now + 1) <= now:
        _lose_lease(platform, job)


def _publish(platform: Platform, job: Job) -> Job:
    try:
        return publish_events(platform, job)
    except Unavailable:
        return update_job(
            platform,
            job.id,
            lambda current: lifecycle.outbox_postponed(
                current, now=platform.clock.now(), timing=platform.timing
            ),
        )


def _redispatch(platform: Platform, job: Job) -> None:
    def postpone(current: Job) -> Job:
        if current.status is not Status.PENDING:
            return current
        return lifecycle.dispatched(
            current, now=platform.clock.now(), timing=platform.timing, launching=False
        )

    send_job(platform, update_job(platform, job.id, postpone))


def _lose_lease(platform: Platform, job: Job, *, execution: str | None = None) -> None:
    """Take the job from a silent worker, and end the worker in case it only hangs."""
    taken = False

    def lose(current: Job) -> Job:
        nonlocal taken
        taken = False
        same = current.status is Status.PROCESSING and current.attempt == job.attempt
        if not same:
            return current
        now = platform.clock.now()
        if execution is None and (current.lease_expires_at or 0.0) > now:
            return current  # renewed in between
        taken = True
        return lifecycle.lease_lost(
            current, now=now, timing=platform.timing, known_dead=execution is not None
        )

    after = update_job(platform, job.id, lose)
    send_job(platform, after)
    if taken and job.execution is not None and execution is None:
        platform.launcher.stop(job.execution)
