"""A launcher for measuring everything but the workers."""

from __future__ import annotations

from shared.domain.errors import Unavailable


class BusyLauncher:
    """Starts nothing and says that its one worker is busy: dispatch does all but the start.

    It wants ``max_workers = 1``. Told to stop, the worker that never was is gone.
    """

    def __init__(self) -> None:
        self._running = frozenset({"busy"})

    def start(self, *, job_id: str, attempt: int) -> str:
        """Never to be asked, because the one worker that may run is running."""
        raise Unavailable(f"no worker for {job_id}, attempt {attempt}: none is started here")

    def stop(self, execution: str) -> None:
        """The server asks at its own end."""
        self._running -= {execution}

    def active(self) -> frozenset[str]:
        """The worker that is always busy."""
        return self._running
