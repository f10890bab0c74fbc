"""AWS Lambda: an object that arrived in the bucket becomes a job."""

from __future__ import annotations

import functions.cold_start  # noqa: F401 - before all else, see there
from functions.intake.dropped import handle_event
from functions.open_function import open_function
from shared.function_settings import read_function_settings

_function = open_function("intake", read_function_settings(models=True))

handler = _function.entry(
    lambda event, _time_left: handle_event(_function.platform, event, metrics=_function.metrics)
)
