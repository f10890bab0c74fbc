"""The webhook function on AWS Lambda: events of jobs, and deliveries that are due."""

from __future__ import annotations

from functions.function import make_function
from functions.webhook.batch import WebhookBatch
from shared.function_settings import read_function_settings
from shared.wiring.aws import open_function

_settings = read_function_settings()
_function = make_function("webhook", open_function(_settings), _settings.names, _settings.log_level)
_batch = WebhookBatch(_function.platform, metrics=_function.metrics)

handler = _function.entry(lambda event, time_left: _batch.handle(event, time_left=time_left))
