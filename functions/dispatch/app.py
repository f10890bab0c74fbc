"""The dispatch function on AWS Lambda: a batch of the jobs queue."""

from __future__ import annotations

from functions.dispatch.batch import handle_batch
from functions.function import make_function
from shared.function_settings import read_function_settings
from shared.wiring.aws import open_function

_settings = read_function_settings()
_function = make_function(
    "dispatch", open_function(_settings), _settings.names, _settings.log_level
)

handler = _function.entry(
    lambda event, time_left: handle_batch(
        _function.platform, event, metrics=_function.metrics, time_left=time_left
    )
)
