"""The thread that holds the lease while the main thread works, and ends work that must not go on.

Engines spend their time in native code that releases the interpreter's lock but can't be
interrupted. So this thread first asks (the stop flag) and, when nothing has ended after the grace
time, calls `on_stuck`, which ends the process. With the default heartbeat of 0.5 s and a grace of
1.2 s, work ends within 2 s of a cancel that was written to the store.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from gpu_job.stop import StopFlag, StopReason
from shared.domain.errors import NotFound, StaleAttempt, Unavailable

_log = logging.getLogger(__name__)

GRACE_SECONDS = 1.2
_JOIN_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Beat:
    """Seconds. The times are of `time.monotonic`, so that a changed wall clock does no harm.

    - every: between two renewals
    - lease: how long one renewal holds
    - held_since: taken before the claim was written, so that our reckoning is never too late
    - deadline: when the job has passed its time limit
    - grace: how long a request to stop may take
    """

    every: float
    lease: float
    held_since: float
    deadline: float
    grace: float = GRACE_SECONDS


class Heartbeat:
    """Renews the lease from entering the block to leaving it.

    `renew` writes the lease and the progress; `on_stuck` is called in this thread when the block
    was not left within the grace time after the flag was set here.
    """

    def __init__(
        self,
        *,
        renew: Callable[[], object],
        stop: StopFlag,
        beat: Beat,
        on_stuck: Callable[[StopReason], object],
    ) -> None:
        self._renew = renew
        self._stop = stop
        self._beat = beat
        self._on_stuck = on_stuck
        self._renewed_at = beat.held_since
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._left.set()
        # A renewal on its way to a slow store is refused there by its attempt: don't wait for it.
        self._thread.join(_JOIN_SECONDS)

    def _run(self) -> None:
        reason = self._watch()
        if reason is None or not self._stop.request(reason):
            return  # the work has ended, or whoever asked before sees to its end
        _log.info("asking the work to stop", extra={"reason": str(reason)})
        if not self._left.wait(self._beat.grace):
            self._on_stuck(reason)

    def _watch(self) -> StopReason | None:
        while not self._left.wait(self._pause()):
            if self._stop.requested():
                return None
            if time.monotonic() >= self._beat.deadline:
                return StopReason.TIME_LIMIT
            reason = self._try_renew()
            if reason is not None:
                return None if self._left.is_set() else reason
        return None

    def _pause(self) -> float:
        return max(0.0, min(self._beat.every, self._beat.deadline - time.monotonic()))

    def _try_renew(self) -> StopReason | None:
        asked_at = time.monotonic()
        try:
            self._renew()
        except (StaleAttempt, NotFound):
            return StopReason.TAKEN_AWAY
        except Unavailable as exc:
            _log.warning("lease not renewed", extra={"error": exc.detail})
        except Exception:  # noqa: BLE001 - a thread that dies unseen would let the lease run out
            _log.exception("the heartbeat failed")
            return StopReason.LEASE_LOST
        else:
            self._renewed_at = asked_at
        if time.monotonic() - self._renewed_at >= self._beat.lease:
            return StopReason.LEASE_LOST
        return None
