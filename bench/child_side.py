"""The child's side of `bench.child`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any


def tell(message: Mapping[str, Any]) -> None:
    """Send one line to the benchmark."""
    print(json.dumps(message), flush=True)


def requests() -> Iterator[dict[str, Any]]:
    """What the benchmark asks, until it closes the pipe or dies."""
    for line in sys.stdin:
        yield json.loads(line)


def wait_for_the_end() -> None:
    """Return when the benchmark has closed the pipe or died."""
    for _ in requests():
        pass
