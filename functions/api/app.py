"""AWS Lambda: the HTTP API behind API Gateway."""

from __future__ import annotations

import functions.cold_start  # noqa: F401 - before all else, see there
from functions.api.factory import create_app
from functions.api.lambda_http import LambdaApi
from functions.open_function import open_function
from shared.function_settings import read_function_settings

_settings = read_function_settings(models=True)
_function = open_function("api", _settings)
_app = create_app(_function.platform, _settings.api, lazily=True)
_api = LambdaApi(_app, metrics=_function.metrics)

handler = _function.entry(lambda event, _time_left: _api.handle(event))
