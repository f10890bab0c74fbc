"""Serves until a signal says otherwise."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from functions.local.server import EmbeddedServer


def serve(server: EmbeddedServer, *, started: Callable[[EmbeddedServer], None]) -> int:
    """Start, tell `started`, wait for SIGINT or SIGTERM, stop; returns the exit code.

    Only for the main thread. A second SIGINT while stopping ends the process at once.

    Raises:
        Unavailable: the port or the data folder can't be used.
    """
    with _signalled() as (event, received):
        with server:
            started(server)
            event.wait()
        return 130 if received == [signal.SIGINT] else 0


@contextmanager
def _signalled() -> Iterator[tuple[threading.Event, list[int]]]:
    event = threading.Event()
    received: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        del frame
        received.append(number)
        event.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, note) for number in numbers}
    try:
        yield event, received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
