"""What an ended job adds to the graphs, counted once however often its event comes."""

from __future__ import annotations

from functions.observability.emit import MetricsLog
from functions.observability.metrics import (
    AUDIO_HOURS,
    ESTIMATED_COST,
    JOB_DURATION,
    JOB_WAIT,
    JOBS_ENDED,
    REAL_TIME_FACTOR,
)
from shared.domain.costs import estimated_cost
from shared.domain.errors import NotFound
from shared.domain.events import EventType
from shared.domain.job import Job, Status
from shared.domain.messages import JobEvent
from shared.ports.platform import Platform
from shared.ports.rate_limiter import RateRule

_BEGINNINGS = frozenset({EventType.TRANSCRIPTION_PROCESSING, EventType.WEBHOOK_TEST})
#: An event that comes again does so within minutes; a queue keeps it for days at most.
_ONCE = RateRule(limit=1, window_seconds=14 * 86_400.0, burst=1)


def count_event(platform: Platform, metrics: MetricsLog, event: JobEvent) -> None:
    """Add the figures of the event's job, if it is over and was not counted before.

    Raises:
        Unavailable: the store did not answer; the event should come again.
    """
    if event.type in _BEGINNINGS:
        return
    try:
        job = platform.jobs.get(event.job_id)
    except NotFound:
        return  # purged
    if job.finished and _is_first(platform, event):
        _count(metrics, job, platform.limits.cost_per_hour)


def _is_first(platform: Platform, event: JobEvent) -> bool:
    """One atomic write that succeeds once per event: the limiter's, at one in two weeks.

    A process that dies between this and writing its metrics loses the figures of one job.
    """
    decision = platform.limiter.hit(f"counted/{event.event_id}", _ONCE, now=platform.clock.now())
    return decision.allowed


def _count(metrics: MetricsLog, job: Job, cost_per_hour: float | None) -> None:
    metrics.add(JOBS_ENDED, dimensions={"status": job.status.value})
    cost = estimated_cost(job, cost_per_hour)
    if cost is not None:
        metrics.add(ESTIMATED_COST, cost)
    if job.status is not Status.COMPLETED or job.started_at is None or job.finished_at is None:
        return
    metrics.add(JOB_WAIT, max(0.0, job.started_at - job.created_at))
    metrics.add(JOB_DURATION, max(0.0, job.finished_at - job.created_at))
    if job.audio_seconds:
        metrics.add(AUDIO_HOURS, job.audio_seconds / 3600)
        factor = max(0.0, job.finished_at - job.started_at) / job.audio_seconds
        metrics.add(REAL_TIME_FACTOR, factor)
