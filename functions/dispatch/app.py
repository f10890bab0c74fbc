"""AWS Lambda: the jobs queue starts workers."""

from __future__ import annotations

import functions.cold_start  # noqa: F401 - before all else, see there
from functions.dispatch.batch import handle_batch
from functions.open_function import open_function

_function = open_function("dispatch")

handler = _function.entry(
    lambda event, time_left: handle_batch(
        _function.platform, event, metrics=_function.metrics, time_left=time_left
    )
)
