"""The wish that work on a job end, from any thread, and why."""

from __future__ import annotations

import threading
from enum import StrEnum

from shared.domain.errors import Stopped


class StopReason(StrEnum):
    """Why a job is not to be finished by this worker now.

    - taken_away: cancelled, purged, or another attempt holds it: write nothing
    - lease_lost: by our own clock the lease has run out, so another may hold it: write nothing
    - time_limit: the job has failed
    - terminated: the process is to end: give the job back
    """

    TAKEN_AWAY = "taken_away"
    LEASE_LOST = "lease_lost"
    TIME_LIMIT = "time_limit"
    TERMINATED = "terminated"


class StopFlag:
    """Set once; the first reason stays."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reason: StopReason | None = None

    @property
    def reason(self) -> StopReason | None:
        """Why, or None while nobody asked."""
        return self._reason

    def request(self, reason: StopReason) -> bool:
        """Ask to stop; False when somebody did before."""
        with self._lock:
            if self._reason is not None:
                return False
            self._reason = reason
            return True

    def requested(self) -> bool:
        """Whether somebody asked; the `should_stop` of engines and steps."""
        return self._reason is not None

    def check(self) -> None:
        """Raise `Stopped` if somebody asked."""
        if self._reason is not None:
            raise Stopped(f"stopped: {self._reason}")
