"""Two headers of a whole deployment, sent with each webhook: a signature, and a pass.

The signature is the seed service's; the pass opens Vercel's deployment protection. Their values are
secrets: the environment may hold them (one machine), else the secret store does, where nobody reads
them who can only see how a function is configured. Both are one for all tenants and go to every
receiver: one that learns them could pass for the sender, or through the protection, of another's.
"""

from __future__ import annotations

import logging
import re
from enum import StrEnum

from shared.domain.errors import InvalidRequest, Unavailable
from shared.ports.platform import Platform

_log = logging.getLogger(__name__)


class DeploymentHeader(StrEnum):
    """Which of the two; the value is how people and commands call it."""

    LEGACY_SIGNATURE = "legacy-signature"
    VERCEL_BYPASS = "vercel-bypass"


#: The signature's key may be any line of text; the token travels as a header's value (RFC 9110).
_ALLOWED = {
    DeploymentHeader.LEGACY_SIGNATURE: re.compile(r"[^\x00-\x1f\x7f]{1,1024}"),
    DeploymentHeader.VERCEL_BYPASS: re.compile(r"[!-~]{1,1024}"),
}


def header_secret(platform: Platform, header: DeploymentHeader) -> str | None:
    """The header's secret; None when the header is not sent.

    A store that refuses to be asked keeps no webhook back, since most deployments have no such
    header: it goes without, and the log says so.

    Raises:
        Unavailable: the secret store did not answer.
    """
    configured = _configured(platform, header)
    if configured:
        return configured
    store = platform.kept_secrets or platform.secrets
    try:
        return next(iter(store.get(secret_name(header))), None) or None
    except Unavailable as exc:
        if exc.code != "access_denied":
            raise
        _log.error("a header's secret may not be read", extra={"header": str(header)})
        return None


def header_is_set(platform: Platform, header: DeploymentHeader) -> str | None:
    """Where the header's secret is: ``environment``, ``store``, or None."""
    if _configured(platform, header):
        return "environment"
    return "store" if any(platform.secrets.get(secret_name(header))[:1]) else None


def set_header(platform: Platform, header: DeploymentHeader, value: str) -> None:
    """Keep the header's secret; the one before is gone, since there is one header only.

    Raises:
        InvalidRequest: the value is empty, too long, or no line that may be sent.
    """
    if not _ALLOWED[header].fullmatch(value):
        characters = "visible ASCII" if header is DeploymentHeader.VERCEL_BYPASS else "printable"
        msg = f"the secret of {header} must be 1 to 1024 {characters} characters"
        raise InvalidRequest(msg, code="invalid_secret", field="secret")
    platform.secrets.put(secret_name(header), value, keep=1)


def remove_header(platform: Platform, header: DeploymentHeader) -> bool:
    """Send it no longer; whether the store had one. What is left is an empty version."""
    name = secret_name(header)
    if not any(platform.secrets.get(name)):
        return False
    platform.secrets.put(name, "", keep=1)
    return True


def secret_name(header: DeploymentHeader) -> str:
    """What the secret is called in the store.

    Underscores: Secrets Manager advises against names that end in a hyphen and six characters.
    """
    return f"webhook-header/{header.replace('-', '_')}"


def _configured(platform: Platform, header: DeploymentHeader) -> str | None:
    config = platform.webhooks
    if header is DeploymentHeader.LEGACY_SIGNATURE:
        return config.legacy_secret
    return config.vercel_bypass
