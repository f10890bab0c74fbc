"""The intake function on AWS Lambda: objects that were put into the bucket."""

from __future__ import annotations

from functions.function import make_function
from functions.intake.dropped import handle_event
from shared.function_settings import read_function_settings
from shared.wiring.aws import open_function

_settings = read_function_settings(models=True)
_function = make_function("intake", open_function(_settings), _settings.names, _settings.log_level)

handler = _function.entry(
    lambda event, _: handle_event(_function.platform, event, metrics=_function.metrics)
)
