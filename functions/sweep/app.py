"""The sweep function on AWS Lambda: a round each minute, and containers that have ended."""

from __future__ import annotations

from functions.function import make_function
from functions.sweep.tasks import handle_event
from shared.function_settings import read_function_settings
from shared.wiring.aws import open_function

_settings = read_function_settings()
_function = make_function("sweep", open_function(_settings), _settings.names, _settings.log_level)

handler = _function.entry(
    lambda event, time_left: handle_event(
        _function.platform, event, metrics=_function.metrics, time_left=time_left
    )
)
