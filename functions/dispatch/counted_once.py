"""A launcher that is asked once how many workers run, however many messages are in a batch."""

from __future__ import annotations

from shared.ports.launcher import Launcher


class CountedOnce:
    """Wraps a launcher for one batch: what it has started itself counts as running.

    A worker that ends meanwhile is still counted, which starts one worker less for now; its
    message comes again from the sweep.
    """

    def __init__(self, launcher: Launcher) -> None:
        self._launcher = launcher
        self._active: frozenset[str] | None = None

    def start(self, *, job_id: str, attempt: int) -> str:
        """Start a worker, as the launcher does."""
        handle = self._launcher.start(job_id=job_id, attempt=attempt)
        self._active = self.active() | {handle}
        return handle

    def stop(self, execution: str) -> None:
        """Stop a worker, as the launcher does."""
        self._launcher.stop(execution)

    def active(self) -> frozenset[str]:
        """Those that ran when first asked, and those started here since."""
        if self._active is None:
            self._active = self._launcher.active()
        return self._active
