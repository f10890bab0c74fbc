"""The child's side of `bench.child`.

Standard library only: peers run it in an environment of their own.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any

_pipe = 1


def tell(message: Mapping[str, Any]) -> None:
    """Send one line to the benchmark."""
    os.write(_pipe, (json.dumps(message) + "\n").encode())


def keep_stdout_for_telling() -> None:
    """Send what libraries print to the log, so that the benchmark hears nothing but `tell`."""
    global _pipe  # noqa: PLW0603 (a process has one standard output)
    _pipe = os.dup(1)
    os.dup2(2, 1)


def requests() -> Iterator[dict[str, Any]]:
    """What the benchmark asks, until it closes the pipe or dies."""
    for line in sys.stdin:
        yield json.loads(line)


def wait_for_the_end() -> None:
    """Return when the benchmark has closed the pipe or died."""
    for _ in requests():
        pass
