"""The last step: write the outcome. Hours of work must not be lost to a moment's silence."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from shared.domain.errors import Unavailable

_log = logging.getLogger(__name__)

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 2.0

T = TypeVar("T")


def persist(
    write: Callable[[], T], *, patience_seconds: float, give_up: Callable[[], bool] | None = None
) -> T:
    """Call `write` until the store answers, for at most so long or until `give_up` says so.

    `write` must be safe to repeat, as every write that names its attempt is.

    Raises:
        Unavailable: the last one, when patience is over. All else passes through at once.
    """
    deadline = time.monotonic() + patience_seconds
    pause = _FIRST_PAUSE
    while True:
        try:
            return write()
        except Unavailable as exc:
            if time.monotonic() + pause > deadline or (give_up is not None and give_up()):
                raise
            _log.warning("the store did not answer, trying again", extra={"error": exc.detail})
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
