"""Waiting for what other threads and processes do."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

#: The machine may be busy with other tests: long enough never to matter when all is well.
PATIENCE_SECONDS = 150.0
#: Between two questions: at first, and at most. What takes long is asked less often.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 0.2


def wait_for(condition: Callable[[], T], *, seconds: float = PATIENCE_SECONDS) -> T:
    """Ask until the answer is truthy, and return it."""
    deadline = time.monotonic() + seconds
    pause = _FIRST_PAUSE
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {seconds:g} seconds"
        time.sleep(pause)
        pause = min(1.5 * pause, _LONGEST_PAUSE)
