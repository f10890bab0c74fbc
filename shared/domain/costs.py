"""What a job is reckoned to have cost."""

from __future__ import annotations

from shared.domain.job import Job

_HOUR = 3600.0


def estimated_cost(job: Job, per_hour: float | None) -> float | None:
    """The time from the first claim to the end at a worker's price per hour; None when unknown.

    A worker's start, its idle time and what is not compute are left out; waits between attempts
    are not. A job that was never claimed cost nothing.
    """
    if per_hour is None or job.finished_at is None:
        return None
    seconds = 0.0 if job.started_at is None else max(0.0, job.finished_at - job.started_at)
    return round(per_hour * seconds / _HOUR, 6)
