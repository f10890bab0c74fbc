"""What SQS takes, checked before it is asked, so that the error names the limit."""

from __future__ import annotations

import math
import re
from functools import cache

from shared.domain.errors import InvalidRequest, LimitExceeded
from shared.ports.job_queue import LONGEST_DELAY_SECONDS

#: A message with its attributes; it was 256 KiB until August 2025, and a queue may be set to less.
MOST_BODY_BYTES = 1 << 20
MOST_VISIBILITY_SECONDS = 12 * 3600

_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")


def checked_body(body: str) -> str:
    """Return the body.

    Raises:
        LimitExceeded: code ``message_too_large``.
        InvalidRequest: empty, or with a character that SQS does not take.
    """
    if not body or (found := _forbidden(body).search(body)):
        what = f"the character U+{ord(found[0]):04X}" if body and found else "no text"
        raise InvalidRequest(f"a message can't hold {what}", code="invalid_message")
    size = len(body.encode())
    if size > MOST_BODY_BYTES:
        raise LimitExceeded(
            f"the message is {size} bytes; SQS takes {MOST_BODY_BYTES}", code="message_too_large"
        )
    return body


def checked_delay(seconds: float) -> int:
    """Whole seconds, rounded up.

    Raises:
        LimitExceeded: code ``delay_too_long``.
    """
    whole = max(0, math.ceil(seconds))
    if whole > LONGEST_DELAY_SECONDS:
        raise LimitExceeded(
            f"the delay is {whole} seconds; SQS takes {LONGEST_DELAY_SECONDS}",
            code="delay_too_long",
        )
    return whole


def checked_visibility(seconds: float) -> int:
    """Whole seconds, rounded up.

    Raises:
        LimitExceeded: code ``visibility_too_long``.
    """
    whole = max(0, math.ceil(seconds))
    if whole > MOST_VISIBILITY_SECONDS:
        raise LimitExceeded(
            f"the visibility timeout is {whole} seconds; SQS takes {MOST_VISIBILITY_SECONDS}",
            code="visibility_too_long",
        )
    return whole


def _forbidden(body: str) -> re.Pattern[str]:
    """Return whatever XML 1.0 has no character for, as far as it may be in this text.

    Our own messages are ASCII; to compile the whole pattern takes 7 ms of a cold start.
    """
    return _CONTROLS if body.isascii() else _beyond_ascii()


@cache
def _beyond_ascii() -> re.Pattern[str]:
    return re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
