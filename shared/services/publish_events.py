"""From the outbox in the record to the event bus, at least once."""

from __future__ import annotations

from shared.domain import lifecycle
from shared.domain.errors import NotFound, VersionConflict
from shared.domain.job import Job
from shared.domain.messages import JobEvent
from shared.ports.platform import Platform

_MOST_CONFLICTS = 20


def publish_events(platform: Platform, job: Job) -> Job:
    """Publish what the outbox holds, then strike it from the record.

    A process that dies in between leaves the outbox as it was: the event is published again,
    with the same id.

    Raises:
        Unavailable: the bus or the store did not answer.
    """
    if not job.outbox:
        return job
    taken = platform.events.publish([_event(job, index) for index in range(len(job.outbox))])
    return _strike(platform, job, taken)


def _event(job: Job, index: int) -> JobEvent:
    entry = job.outbox[index]
    return JobEvent(
        event_id=entry.id,
        type=entry.type,
        job_id=job.id,
        tenant=job.tenant,
        occurred_at=entry.occurred_at,
    )


def _strike(platform: Platform, job: Job, taken: frozenset[str]) -> Job:
    for _ in range(_MOST_CONFLICTS):
        struck = lifecycle.events_published(job, taken)
        if struck.outbox:
            struck = lifecycle.outbox_postponed(
                struck, now=platform.clock.now(), timing=platform.timing
            )
        try:
            return platform.jobs.replace(struck)
        except VersionConflict:
            try:
                job = platform.jobs.get(job.id)
            except NotFound:
                return job  # purged meanwhile: nothing is left to strike from
    return job
