"""What a blob's key may look like, in every store."""

from __future__ import annotations

import re

from shared.domain.errors import InvalidRequest

MAX_KEY_BYTES = 1024  # as in S3 and Google Cloud Storage

_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\\\ud800-\udfff]")


def check_key(key: str) -> str:
    """Return the key.

    Raises:
        InvalidRequest: code ``invalid_key``.
    """
    if _FORBIDDEN.search(key) or any(segment in ("", ".", "..") for segment in key.split("/")):
        msg = "key must be relative, of non-empty segments without '..', '\\' or control characters"
        raise InvalidRequest(msg, code="invalid_key", field="key")
    if len(key.encode()) > MAX_KEY_BYTES:
        msg = f"key is longer than {MAX_KEY_BYTES} bytes"
        raise InvalidRequest(msg, code="invalid_key", field="key")
    return key
