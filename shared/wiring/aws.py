"""The platform on AWS, as the settings and the names in the environment describe it."""

from __future__ import annotations

from pydantic import ValidationError

from shared.aws_platform import build_aws
from shared.domain.errors import InvalidRequest
from shared.ports.platform import Platform
from shared.settings import Settings
from shared.settings_aws import AwsSettings
from shared.settings_problems import problems_of
from shared.wiring.common import limits, timing, webhooks


def open_aws(settings: Settings) -> Platform:
    """For the job program and the command line; nothing is connected before it is used.

    Raises:
        InvalidRequest: code ``invalid_settings``: a name of the deployment is missing or wrong.
    """
    try:
        names = AwsSettings().names()
    except ValidationError as exc:
        msg = "settings: " + "; ".join(problems_of(exc))
        raise InvalidRequest(msg, code="invalid_settings") from exc
    return build_aws(
        names, timing=timing(settings), limits=limits(settings), webhooks=webhooks(settings)
    )
