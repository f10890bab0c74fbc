"""Wall seconds per step, for the transcript's `timings`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import version

from gpu_job.progress import Progress, Step


class Stopwatch:
    """Begins when it is made; `step` also tells the progress that a step begins and ends."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._seconds: dict[str, float] = {}

    @contextmanager
    def step(self, step: Step, progress: Progress) -> Iterator[None]:
        """Time one step; the progress counts it as done when its block ends without an error."""
        progress.enter(step)
        with self.lap(str(step)):
            yield
        progress.finish(step)

    @contextmanager
    def lap(self, name: str) -> Iterator[None]:
        """Time a part under a name of its own; a name that comes again adds up."""
        begun = time.monotonic()
        try:
            yield
        finally:
            self._seconds[name] = self._seconds.get(name, 0.0) + time.monotonic() - begun

    def timings(self) -> dict[str, float]:
        """Seconds by name, and ``total`` since the watch was made; to the millisecond."""
        laps = self._seconds | {"total": time.monotonic() - self._begun}
        return {name: round(seconds, 3) for name, seconds in laps.items()}


@cache
def tamlil_version() -> str:
    """The version of the installed distribution."""
    return version("tamlil")
