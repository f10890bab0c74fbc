"""Notices worker processes that have ended, so that their jobs need not wait for a lease."""

from __future__ import annotations

import logging

from functions.sweep.handle import handle_ended
from shared.ports.platform import Platform

_log = logging.getLogger(__name__)


class WorkerWatch:
    """Compares the launcher's active executions with those of the last look."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._before: frozenset[str] = frozenset()

    def step(self) -> bool:
        """Look once. An execution is forgotten only when its jobs are freed.

        Raises:
            Unavailable: the store did not answer; the next look tries again.
        """
        active = self._platform.launcher.active()
        ended = self._before - active
        self._before |= active
        for execution in ended:
            held = handle_ended(self._platform, [execution])
            if held:
                _log.warning("a worker ended while it held a job", extra={"execution": execution})
            self._before -= {execution}
        return False
