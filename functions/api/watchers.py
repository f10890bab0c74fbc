"""Requests that wait for news of a job: a bounded number, without a thread, ended at shutdown."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from shared.domain.errors import Unavailable

#: Each looks at its record a few times a second: so many keep a database busy, more would not help.
MOST_WATCHERS = 200


class Watch:
    """One request's waiting."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._closing = asyncio.Event()

    @property
    def closing(self) -> bool:
        """Whether the server shuts down."""
        return self._closing.is_set()

    async def pause(self, seconds: float) -> None:
        """Return after so many seconds, or at once when the server shuts down."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), seconds)

    def end(self) -> None:
        """Wake it for good; from any thread."""
        with suppress(RuntimeError):  # its loop is closed: nobody waits there
            self._loop.call_soon_threadsafe(self._closing.set)


class Watchers:
    """All that wait in this process."""

    def __init__(self, most: int = MOST_WATCHERS) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._waiting: set[Watch] = set()
        self._closed = False

    def __len__(self) -> int:
        return len(self._waiting)

    @asynccontextmanager
    async def watch(self) -> AsyncIterator[Watch]:
        """Be one of them until the end of the block.

        Raises:
            Unavailable: code ``too_many_watchers``: so many wait already.
        """
        watch = Watch()
        with self._lock:
            if len(self._waiting) >= self._most:
                msg = f"{self._most} requests wait for news here already; ask without waiting"
                raise Unavailable(msg, code="too_many_watchers")
            self._waiting.add(watch)
            if self._closed:
                watch.end()
        try:
            yield watch
        finally:
            with self._lock:
                self._waiting.discard(watch)

    def close(self) -> None:
        """End all waiting, now and in future; from any thread."""
        with self._lock:
            self._closed = True
            for watch in self._waiting:
                watch.end()
