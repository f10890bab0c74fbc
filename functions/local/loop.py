"""A step that a thread repeats until it is told to stop."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from shared.domain.errors import TamlilError

_log = logging.getLogger(__name__)

#: After trouble, a loop waits longer than after an empty look, but not for ever longer.
_LONGEST_WAIT_SECONDS = 5.0


class Loop:
    """Calls `step` again at once while it returns True, else after `poll_seconds`.

    A step that raises is logged and tried again after a growing wait: the loop of a server must
    outlive a store that does not answer and a record that it can't digest.
    """

    def __init__(
        self,
        name: str,
        step: Callable[[], bool],
        *,
        poll_seconds: float,
        stopping: threading.Event,
    ) -> None:
        self.name = name
        self._step = step
        self._poll_seconds = poll_seconds
        self._stopping = stopping
        self._thread = threading.Thread(target=self._run, name=f"tamlil-{name}", daemon=True)

    def start(self) -> None:
        """Begin, in a thread of its own."""
        self._thread.start()

    def join(self, timeout: float) -> bool:
        """Wait for the end that the event has asked for; False when `timeout` passed first."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        troubles = 0
        while not self._stopping.is_set():
            try:
                busy = self._step()
                troubles = 0
            except Exception as exc:  # noqa: BLE001 - told below, and the loop must go on
                busy = False
                troubles += 1
                self._tell(exc)
            if not busy:
                self._stopping.wait(self._wait_seconds(troubles))

    def _wait_seconds(self, troubles: int) -> float:
        return min(self._poll_seconds * float(1 << min(troubles, 10)), _LONGEST_WAIT_SECONDS)

    def _tell(self, exc: Exception) -> None:
        if isinstance(exc, TamlilError):
            _log.warning(
                "%s loop: %s", self.name, exc.detail, extra={"loop": self.name, "code": exc.code}
            )
        else:  # a fault of ours: all that is known of it belongs into the log
            _log.error("%s loop failed", self.name, exc_info=exc, extra={"loop": self.name})
