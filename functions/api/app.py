"""The api function on AWS Lambda: the HTTP API behind API Gateway."""

from __future__ import annotations

from functions.api.factory import create_app
from functions.api.lambda_http import LambdaApi
from functions.function import make_function
from shared.function_settings import read_function_settings
from shared.wiring.aws import open_function

_settings = read_function_settings(models=True)
_function = make_function("api", open_function(_settings), _settings.names, _settings.log_level)
_api = LambdaApi(
    create_app(_function.platform, _settings.api, lazily=True), metrics=_function.metrics
)

handler = _function.entry(lambda event, _: _api.handle(event))
