"""Wall time, CPU time and memory of a process tree while something happens."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

import psutil

#: Listing a tree costs milliseconds, on the same cores that are being measured (seconds).
_SAMPLE_SECONDS = 0.5


class Meter:
    """A context manager; read `wall`, `cpu` (seconds) and `peak_bytes` after the block.

    `cpu` counts every process of the tree that was seen, also if it ended in between. `peak_bytes`
    is the largest sum of resident sets among the samples, two a second, so pages that processes
    share count for each.
    """

    def __init__(self, tree: Callable[[], Sequence[psutil.Process]]) -> None:
        self._tree = tree
        self._seconds: dict[int, float] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="meter", daemon=True)
        self.wall = 0.0
        self.cpu = 0.0
        self.peak_bytes = 0

    def __enter__(self) -> Self:
        self._sample()
        self._before = sum(self._seconds.values())
        self._thread.start()
        self._began = time.perf_counter()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.wall = time.perf_counter() - self._began
        self._ended.set()
        self._thread.join()
        self._sample()
        self.cpu = sum(self._seconds.values()) - self._before

    def _run(self) -> None:
        while not self._ended.wait(_SAMPLE_SECONDS):
            self._sample()

    def _sample(self) -> None:
        resident = 0
        for process in self._tree():
            with suppress(psutil.NoSuchProcess), process.oneshot():
                times = process.cpu_times()
                self._seconds[process.pid] = times.user + times.system
                resident += process.memory_info().rss
        self.peak_bytes = max(self.peak_bytes, resident)
