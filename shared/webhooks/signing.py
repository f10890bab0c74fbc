"""Signatures of webhooks as the Standard Webhooks specification describes them.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md: the
signed content is ``id.timestamp.body``, the key the bytes behind ``whsec_<base64>``, the header
``v1,<base64 HMAC-SHA256>`` once a secret, separated by spaces. While a secret rotates, the sender
signs with the old and the new one, and a receiver accepts either.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets as random_source
from collections.abc import Mapping, Sequence

from shared.domain.errors import InvalidRequest, Unauthorized

ID_HEADER = "webhook-id"
TIMESTAMP_HEADER = "webhook-timestamp"
SIGNATURE_HEADER = "webhook-signature"
LEGACY_HEADER = "X-Webhook-Signature"
VERCEL_HEADER = "x-vercel-protection-bypass"
SECRET_PREFIX = "whsec_"  # noqa: S105 - the public prefix, not a secret
SECRET_BYTES = (24, 64)  # limits of the specification
TOLERANCE_SECONDS = 300

# A full stop in the id would let id and timestamp trade characters under one signature.
_EVENT_ID = re.compile(r"[A-Za-z0-9_-]{1,128}\Z")


def new_secret(size: int = 32) -> str:
    """Make a signing secret of `size` random bytes (24..64).

    Raises:
        InvalidRequest: `size` is outside the limits.
    """
    _check_size(size)
    return SECRET_PREFIX + base64.b64encode(random_source.token_bytes(size)).decode()


def sign(event_id: str, timestamp: int, body: bytes, secret: str) -> str:
    """Return one ``v1,<base64>`` signature; `timestamp` in whole seconds since the epoch.

    Raises:
        InvalidRequest: the secret or the event id is malformed.
    """
    if not _EVENT_ID.match(event_id):
        msg = "event_id must be 1 to 128 letters, digits, '_' or '-'"
        raise InvalidRequest(msg, field="event_id")
    content = f"{event_id}.{timestamp}.".encode() + body
    digest = hmac.new(secret_bytes(secret), content, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def signed_headers(
    *,
    event_id: str,
    timestamp: int,
    body: bytes,
    secrets: Sequence[str],
    legacy_secret: str | None = None,
    vercel_bypass: str | None = None,
) -> dict[str, str]:
    """All headers that identify and sign one delivery.

    The legacy header is the hexadecimal HMAC-SHA256 of the exact body under the UTF-8 bytes of
    `legacy_secret`. What is not configured is left out.

    Raises:
        InvalidRequest: a secret or the event id is malformed.
    """
    headers = {ID_HEADER: event_id, TIMESTAMP_HEADER: str(timestamp)}
    if secrets:
        signatures = [sign(event_id, timestamp, body, secret) for secret in secrets]
        headers[SIGNATURE_HEADER] = " ".join(signatures)
    if legacy_secret:
        digest = hmac.new(legacy_secret.encode(), body, hashlib.sha256)
        headers[LEGACY_HEADER] = digest.hexdigest()
    if vercel_bypass:
        headers[VERCEL_HEADER] = vercel_bypass
    return headers


def verify(
    headers: Mapping[str, str],
    body: bytes,
    *,
    secrets: Sequence[str],
    now: float,
    tolerance_seconds: int = TOLERANCE_SECONDS,
) -> None:
    """Accept a delivery that one of the secrets signed within the tolerance, else raise.

    Comparison takes the same time whichever signature fits.

    Raises:
        Unauthorized: code ``invalid_signature``: a header is missing or malformed, the timestamp
            is outside the tolerance, or no signature fits.
        InvalidRequest: one of `secrets` is malformed.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    event_id, stamp = lowered.get(ID_HEADER, ""), lowered.get(TIMESTAMP_HEADER, "")
    if not _EVENT_ID.match(event_id) or not re.fullmatch(r"[0-9]{1,12}", stamp):
        _refuse(f"{ID_HEADER} or {TIMESTAMP_HEADER} is missing or malformed")
    if abs(now - int(stamp)) > tolerance_seconds:
        _refuse(f"{TIMESTAMP_HEADER} is more than {tolerance_seconds} seconds away from now")
    given = [item.encode() for item in lowered.get(SIGNATURE_HEADER, "").split()]
    expected = [sign(event_id, int(stamp), body, secret).encode() for secret in secrets]
    matches = [hmac.compare_digest(one, other) for one in given for other in expected]
    if not any(matches):
        _refuse(f"no signature in {SIGNATURE_HEADER} fits")


def secret_bytes(secret: str) -> bytes:
    """The key behind ``whsec_<base64>``; the prefix and the padding may be missing.

    Raises:
        InvalidRequest: not base64, or not 24 to 64 bytes; the secret itself is never quoted.
    """
    encoded = secret.removeprefix(SECRET_PREFIX).rstrip("=")
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError) as exc:
        msg = f"a webhook secret must be {SECRET_PREFIX}<base64>"
        raise InvalidRequest(msg, code="invalid_secret", field="secret") from exc
    _check_size(len(key))
    return key


def _check_size(size: int) -> None:
    low, high = SECRET_BYTES
    if not low <= size <= high:
        msg = f"a webhook secret must have {low} to {high} bytes, not {size}"
        raise InvalidRequest(msg, code="invalid_secret", field="secret")


def _refuse(detail: str) -> None:
    raise Unauthorized(detail, code="invalid_signature")
