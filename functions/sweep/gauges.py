"""What the deployment looks like right now, counted once a minute."""

from __future__ import annotations

import logging
from collections.abc import Callable

from functions.observability.emit import MetricsLog
from functions.observability.metrics import (
    ACTIVE_WORKERS,
    DEAD_LETTERS,
    JOBS,
    NEXT_JOB_WAIT,
    QUEUE_DEPTH,
    QUEUE_IN_FLIGHT,
)
from shared.domain.errors import Unavailable
from shared.ports.job_queue import JobQueue
from shared.ports.platform import Platform

_log = logging.getLogger(__name__)


def count_state(platform: Platform, metrics: MetricsLog) -> None:
    """Add every gauge; one whose source does not answer is left out, which the log tells."""

    def jobs() -> None:
        for status, count in platform.jobs.counts().items():
            metrics.add(JOBS, float(count), {"status": status.value})

    def next_job() -> None:
        now = platform.clock.now()
        first = platform.jobs.pending(now=now, limit=1)
        metrics.add(NEXT_JOB_WAIT, first[0].waited(now) if first else 0.0)

    def workers() -> None:
        metrics.add(ACTIVE_WORKERS, float(len(platform.launcher.active())))

    gauges: dict[str, Callable[[], None]] = {
        "jobs": jobs,
        "next job": next_job,
        "workers": workers,
        "jobs queue": lambda: _queue(metrics, "jobs", platform.queue),
        "webhook queue": lambda: _queue(metrics, "webhooks", platform.webhook_queue),
    }
    for name, gauge in gauges.items():
        try:
            gauge()
        except Unavailable as exc:
            _log.warning("not counted: %s", exc.detail, extra={"gauge": name, "code": exc.code})


def _queue(metrics: MetricsLog, name: str, queue: JobQueue | None) -> None:
    if queue is None:
        return
    depth = queue.depth()
    which = {"queue": name}
    metrics.add(QUEUE_DEPTH, float(depth.waiting), which)
    metrics.add(QUEUE_IN_FLIGHT, float(depth.in_flight), which)
    metrics.add(DEAD_LETTERS, float(depth.dead), which)
