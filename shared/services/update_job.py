"""Read, decide, write if nobody was faster; the one way in which services change a record."""

from __future__ import annotations

import logging
from collections.abc import Callable

from shared.domain.errors import Unavailable, VersionConflict
from shared.domain.job import Job
from shared.ports.platform import Platform
from shared.services.count_jobs import count_change
from shared.services.publish_events import publish_events

_log = logging.getLogger(__name__)

#: Writers of one record are few (worker, sweep, a caller): more conflicts than this is a fault.
_MOST_CONFLICTS = 20


def update_job(platform: Platform, job_id: str, change: Callable[[Job], Job]) -> Job:
    """Apply `change` to the newest record and write it; again when somebody wrote in between.

    `change` may raise to refuse; what it raises passes through and nothing is written. Events
    that the change put into the outbox are published right away if the bus answers.

    Raises:
        NotFound: there is no such job.
        Unavailable: the store does not answer, or the record is fought over without end.
    """
    for _ in range(_MOST_CONFLICTS):
        before = platform.jobs.get(job_id)
        after = change(before)
        if after == before:
            return before
        try:
            stored = platform.jobs.replace(after)
        except VersionConflict:
            continue
        count_change(platform, before, stored)
        return (
            publish_quietly(platform, stored) if len(stored.outbox) > len(before.outbox) else stored
        )
    raise Unavailable(f"job {job_id} is being changed by too many writers at once")


def publish_quietly(platform: Platform, job: Job) -> Job:
    """Publish the outbox; a bus that does not answer is left to the sweep."""
    try:
        return publish_events(platform, job)
    except Unavailable as exc:
        _log.warning(
            "event bus unavailable, the sweep will publish",
            extra={"job_id": job.id, "error": exc.detail},
        )
        return job
