"""A launcher for one batch of messages: it counts workers once, and begins no launch too late."""

from __future__ import annotations

from collections.abc import Callable

from shared.domain.errors import Unavailable
from shared.ports.launcher import Launcher


class BatchLaunches:
    """Wraps a launcher for one batch: what it has started itself counts as running.

    A worker that ends meanwhile is still counted, which starts one worker less for now; its
    message comes again from the sweep.

    A launch that the invocation's end cuts off would be counted against its job, though it says
    nothing of it. So none is begun with less than `needed_seconds` left, and after one that failed
    the launcher is not asked again: what is slow now would be slow for each record that follows.
    """

    def __init__(
        self, launcher: Launcher, *, time_left: Callable[[], float], needed_seconds: float
    ) -> None:
        self._launcher = launcher
        self._time_left = time_left
        self._needed_seconds = needed_seconds
        self._active: frozenset[str] | None = None
        self._down = False

    def start(self, *, job_id: str, attempt: int) -> str:
        """Start a worker, as the launcher does.

        Raises:
            Unavailable: also when there is no time for it, or the one before failed.
        """
        self._require_up()
        if self._time_left() < self._needed_seconds:
            raise Unavailable("no time is left in this invocation to start a worker")
        try:
            handle = self._launcher.start(job_id=job_id, attempt=attempt)
        except Unavailable:
            self._down = True
            raise
        if self._active is not None:
            self._active |= {handle}
        return handle

    def stop(self, execution: str) -> None:
        """Stop one, as the launcher does."""
        self._launcher.stop(execution)

    def active(self) -> frozenset[str]:
        """Those that ran when first asked, and those started here since.

        Raises:
            Unavailable: the launcher did not answer, now or to this batch before.
        """
        self._require_up()
        if self._active is None:
            try:
                self._active = self._launcher.active()
            except Unavailable:
                self._down = True
                raise
        return self._active

    def _require_up(self) -> None:
        if self._down:
            raise Unavailable("the launcher did not answer to a record of this batch before")
