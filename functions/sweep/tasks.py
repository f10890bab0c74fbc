"""The sweep function's work: a round each minute, and containers that have ended at once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from functions.events import BatchJobChanged, Tick, read_event
from functions.observability.emit import MetricsLog
from functions.observability.logs import in_hand
from functions.observability.metrics import (
    GPU_JOB_FAILURES,
    GPU_JOB_STARTS,
    GPU_JOB_WAIT,
    SWEEP_TROUBLE,
    SWEPT,
    WORKERS_LOST,
)
from functions.sweep.due_deliveries import send_due
from functions.sweep.gauges import count_state
from functions.sweep.handle import handle, handle_ended
from shared.domain.errors import InvalidRequest, Unavailable
from shared.ports.platform import Platform

_log = logging.getLogger(__name__)

_ROUND = 100  # the service's own; a full round means that there is more
#: Seconds of the invocation that mending leaves to what follows, and sending to the gauges.
_AFTER_MENDING = 20.0
_AFTER_SENDING = 10.0


def handle_event(
    platform: Platform,
    event: Mapping[str, Any],
    *,
    metrics: MetricsLog,
    time_left: Callable[[], float],
) -> None:
    """What the schedule or Batch has sent.

    Raises:
        InvalidRequest: neither; it belongs into the dead-letter queue.
        Unavailable: the store did not answer; the event comes again.
    """
    found = read_event(event)
    if isinstance(found, BatchJobChanged):
        with in_hand(batch_job_id=found.job_id):
            handle_change(platform, found, metrics=metrics)
    elif isinstance(found, Tick):
        handle_tick(platform, metrics=metrics, time_left=time_left)
    else:
        raise InvalidRequest("not an event of the sweep function", code="invalid_message")


def handle_tick(platform: Platform, *, metrics: MetricsLog, time_left: Callable[[], float]) -> None:
    """Mend what is overdue, tell of due deliveries, count the state.

    Each part is done whatever became of the one before: the next minute comes anyway.
    """
    parts: dict[str, Callable[[], object]] = {
        "sweep": lambda: _mend(platform, metrics, time_left),
        "deliveries": lambda: send_due(platform, time_left=time_left, stop_at=_AFTER_SENDING),
    }
    for name, part in parts.items():
        try:
            part()
        except Unavailable as exc:
            metrics.add(SWEEP_TROUBLE)
            _log.warning("not done: %s", exc.detail, extra={"part": name, "code": exc.code})
    count_state(platform, metrics)


def handle_change(platform: Platform, change: BatchJobChanged, *, metrics: MetricsLog) -> int:
    """Free what a container held whose attempts are over; returns how many jobs that were.

    Raises:
        Unavailable: the store did not answer; the event comes again, and leases run out.
    """
    if change.running:
        metrics.add(GPU_JOB_STARTS)
        if change.created_at is not None and change.started_at is not None:
            metrics.add(GPU_JOB_WAIT, max(0.0, change.started_at - change.created_at))
    if change.failed:
        metrics.add(GPU_JOB_FAILURES)
    held = handle_ended(platform, change.ended)
    if held:
        metrics.add(WORKERS_LOST, float(held))
        _log.warning("a worker ended while it held a job", extra={"execution": change.ended[-1]})
    return held


def _mend(platform: Platform, metrics: MetricsLog, time_left: Callable[[], float]) -> None:
    while time_left() > _AFTER_MENDING:
        report = handle(platform)
        metrics.add(SWEPT, float(report.seen))
        metrics.add(SWEEP_TROUBLE, float(report.troubled))
        if report.seen < _ROUND or report.troubled:
            return
