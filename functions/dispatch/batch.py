"""The dispatch function's work: a batch of the jobs queue."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from functions.dispatch.handle import handle
from functions.dispatch.launches import BatchLaunches
from functions.observability.emit import MetricsLog
from functions.observability.metrics import DISPATCHES
from functions.sqs_batch import work_off
from shared.ports.platform import Platform

#: What a launch may take at its longest, Batch being silent: submissions are begun for 10 seconds,
#: the last one takes 6, looking for what became of it 22; and taking the launch back.
NEEDED_SECONDS = 45.0


def handle_batch(
    platform: Platform,
    event: Mapping[str, Any],
    *,
    metrics: MetricsLog,
    time_left: Callable[[], float],
) -> dict[str, Any]:
    """Dispatch each message's job; returns which messages are to come again.

    Raises:
        InvalidRequest: not a batch of SQS records.
    """
    launches = BatchLaunches(platform.launcher, time_left=time_left, needed_seconds=NEEDED_SECONDS)
    launching = replace(platform, launcher=launches)

    def dispatch(body: str) -> None:
        outcome = handle(launching, body)
        metrics.add(DISPATCHES, dimensions={"outcome": outcome.value})

    return work_off(
        event,
        dispatch,
        queue="jobs",
        metrics=metrics,
        time_left=time_left,
        needed_seconds=NEEDED_SECONDS,
    )
