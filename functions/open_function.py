"""How a function on AWS begins: settings and platform from its environment, without pydantic."""

from __future__ import annotations

from functions.function import Function, make_function
from shared.adapters.aws.clients import function_clients
from shared.aws_platform import build_aws
from shared.function_settings import FunctionSettings, read_function_settings


def open_function(name: str, settings: FunctionSettings | None = None) -> Function:
    """Set a function up from its environment, or from what was read there.

    Raises:
        InvalidRequest: code ``invalid_settings``; names every variable that is missing or wrong.
    """
    settings = settings or read_function_settings()
    platform = build_aws(
        settings.names,
        timing=settings.timing,
        limits=settings.limits,
        webhooks=settings.webhooks,
        clients=function_clients(),
    )
    return make_function(name, platform, settings.names, settings.log_level)
