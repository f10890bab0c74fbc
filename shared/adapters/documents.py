"""What the stores of every platform share: documents as JSON text, and cursors of pages."""

from __future__ import annotations

import base64
import json
import logging
import math
from collections.abc import Callable
from typing import TypeVar

from shared.domain.codec import from_document, to_document
from shared.domain.errors import InvalidRequest, Unavailable

_log = logging.getLogger(__name__)

T = TypeVar("T")

_UNREADABLE = "record_unreadable"


def dump(value: object) -> str:
    """A dataclass as compact JSON."""
    return json.dumps(to_document(value), separators=(",", ":"))


def load(cls: type[T], text: str) -> T:
    """Read back what `dump` wrote.

    Raises:
        Unavailable: code ``record_unreadable``; what is stored is damaged, which is not the
            caller's fault and won't mend itself.
    """
    try:
        return from_document(cls, json.loads(text))
    except (ValueError, InvalidRequest) as exc:
        msg = f"a stored {cls.__name__} can't be read"
        raise Unavailable(msg, code=_UNREADABLE, retryable=False) from exc


def readable(read: Callable[[], T], record: str) -> T | None:
    """What `read` loads for a list, None when `record` can't be read: of that the log tells.

    One damaged record must not hide all the others, nor end who looks for work.
    """
    try:
        return read()
    except Unavailable as exc:
        if exc.code != _UNREADABLE:
            raise
        _log.error("left out of a list: %s", exc.detail, extra={"record": record})
        return None


def encode_cursor(store: str, *, at: float, last_id: str) -> str:
    """An opaque position after the record `last_id` of time `at`, good for this store only."""
    text = json.dumps([store, at, last_id], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(store: str, cursor: str) -> tuple[float, str]:
    """Read back what `encode_cursor` wrote.

    Raises:
        InvalidRequest: code ``invalid_cursor``.
    """
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        name, at, last_id = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        if name == store and isinstance(last_id, str) and math.isfinite(float(at)):
            last_id.encode()  # no database takes half of a surrogate pair
            return float(at), last_id
    except (ValueError, TypeError, OverflowError, RecursionError) as exc:
        raise _invalid_cursor() from exc
    raise _invalid_cursor()


def _invalid_cursor() -> InvalidRequest:
    msg = "cursor is not one that an earlier page of this list gave"
    return InvalidRequest(msg, code="invalid_cursor", field="cursor")
