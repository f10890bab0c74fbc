"""Counters of the whole deployment, kept in the platform's store and rendered for Prometheus.

A process that dies between its write and its count loses that count; counters are for graphs and
alarms, records are for truth.
"""

from __future__ import annotations

import logging

from shared.domain.errors import TamlilError
from shared.domain.job import Job, Status
from shared.ports.platform import Platform

_log = logging.getLogger(__name__)

#: Upper bounds of the duration histograms (seconds).
BUCKETS = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600)

_ENDS = {
    Status.COMPLETED: "tamlil_jobs_completed_total",
    Status.FAILED: "tamlil_jobs_failed_total",
    Status.CANCELLED: "tamlil_jobs_cancelled_total",
}


def count_submitted(platform: Platform) -> None:
    """One more job was accepted."""
    _add(platform, {"tamlil_jobs_submitted_total": 1.0})


def count_refused(platform: Platform) -> None:
    """One more job that was recorded as failed, because it could not be accepted."""
    _add(platform, {"tamlil_jobs_submitted_total": 1.0, "tamlil_jobs_failed_total": 1.0})


def count_delivery(platform: Platform, outcome: str) -> None:
    """One more webhook attempt: ``delivered``, ``retry``, ``failed`` or ``switched_off``."""
    _add(platform, {f'tamlil_webhook_attempts_total{{outcome="{outcome}"}}': 1.0})


def count_change(platform: Platform, before: Job, after: Job) -> None:
    """Count what a status change means; anything else costs nothing."""
    if before.status is after.status:
        return
    increments: dict[str, float] = {}
    if after.status is Status.PENDING and before.status is Status.PROCESSING:
        increments["tamlil_job_attempts_retried_total"] = 1.0
    if after.status in _ENDS:
        increments[_ENDS[after.status]] = 1.0
    if after.status is Status.COMPLETED and after.finished_at and after.started_at:
        duration = _between(after.created_at, after.finished_at)
        increments |= _histogram("tamlil_job_duration_seconds", duration)
        wait = _between(after.created_at, after.started_at)
        increments |= _histogram("tamlil_job_wait_seconds", wait)
        increments["tamlil_audio_seconds_total"] = after.audio_seconds or 0.0
        worked = _between(after.started_at, after.finished_at)
        increments["tamlil_processing_seconds_total"] = worked
    if increments:
        _add(platform, increments)


def _between(start: float, end: float) -> float:
    """Seconds; none where the machines that told the times disagree by more than lay between."""
    return max(0.0, end - start)


def _histogram(name: str, seconds: float) -> dict[str, float]:
    """Prometheus buckets are cumulative: every bound at or above the value counts it."""
    held = {f'{name}_bucket{{le="{bound}"}}': 1.0 for bound in BUCKETS if seconds <= bound}
    return held | {f'{name}_bucket{{le="+Inf"}}': 1.0, f"{name}_count": 1.0, f"{name}_sum": seconds}


def _add(platform: Platform, increments: dict[str, float]) -> None:
    """Whatever is counted is written already: a count that is refused must not undo an ending."""
    try:
        platform.metrics.add(increments)
    except TamlilError as exc:
        _log.warning("counters not kept", extra={"error": exc.detail})
