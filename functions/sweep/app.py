"""AWS Lambda: the schedule's round each minute, and containers of Batch that have ended."""

from __future__ import annotations

import functions.cold_start  # noqa: F401 - before all else, see there
from functions.open_function import open_function
from functions.sweep.tasks import handle_event

_function = open_function("sweep")

handler = _function.entry(
    lambda event, time_left: handle_event(
        _function.platform, event, metrics=_function.metrics, time_left=time_left
    )
)
