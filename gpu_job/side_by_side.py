"""Two engines on one recording at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from gpu_job.engines.ports import ShouldStop
from shared.domain.errors import Stopped

M = TypeVar("M")
S = TypeVar("S")


@dataclass(kw_only=True)
class SideBySide(Generic[M, S]):
    """Runs `main` in the caller's thread and `side` beside it; the first fault ends both.

    Each is called with a `ShouldStop` of its own, which it must obey within a second.
    """

    main: Callable[[ShouldStop], M]
    side: Callable[[ShouldStop], S]
    should_stop: ShouldStop
    _over: threading.Event = field(default_factory=threading.Event)
    _results: list[S] = field(default_factory=list)
    _faults: list[BaseException] = field(default_factory=list)

    def run(self) -> tuple[M, S]:
        """Return both results.

        Raises:
            Exception: what the side that failed first has raised, whatever the other one did.
            Stopped: `should_stop` turned true.
        """
        thread = threading.Thread(target=self._run_side, name="side engine", daemon=True)
        thread.start()
        try:
            result = self.main(self._asked_to_stop)
        except BaseException as exc:
            self._over.set()
            thread.join()
            if isinstance(exc, Stopped) and self._faults and not self.should_stop():
                raise self._faults[0] from exc
            raise
        thread.join()
        if self._faults:
            raise self._faults[0]
        return result, self._results[0]

    def _run_side(self) -> None:
        try:
            self._results.append(self.side(self._asked_to_stop))
        except BaseException as exc:  # noqa: BLE001 (raised again in the caller's thread)
            self._faults.append(exc)
            self._over.set()

    def _asked_to_stop(self) -> bool:
        return self._over.is_set() or self.should_stop()
