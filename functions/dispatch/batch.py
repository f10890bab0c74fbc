"""The dispatch function's work: a batch of the jobs queue."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from functions.dispatch.counted_once import CountedOnce
from functions.dispatch.handle import handle
from functions.observability.emit import MetricsLog
from functions.observability.metrics import DISPATCHES
from functions.sqs_batch import work_off
from shared.ports.platform import Platform

#: What one message may take: a few calls to the table and one to Batch.
_NEEDED_SECONDS = 5.0


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
    counted = replace(platform, launcher=CountedOnce(platform.launcher))

    def dispatch(body: str) -> None:
        outcome = handle(counted, body)
        metrics.add(DISPATCHES, dimensions={"outcome": outcome.value})

    return work_off(
        event,
        dispatch,
        queue="jobs",
        metrics=metrics,
        time_left=time_left,
        needed_seconds=_NEEDED_SECONDS,
    )
