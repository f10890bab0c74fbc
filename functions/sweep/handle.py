"""One round of the sweep, and what to do about workers that are known to have ended."""

from __future__ import annotations

from collections.abc import Iterable

from shared.ports.platform import Platform
from shared.services.sweep import SweepReport, execution_ended, sweep


def handle(platform: Platform) -> SweepReport:
    """Mend what is overdue.

    Raises:
        Unavailable: the store could not even be asked; the next round comes anyway.
    """
    return sweep(platform)


def handle_ended(platform: Platform, executions: Iterable[str]) -> int:
    """Free the jobs of workers that have ended; returns how many they still held.

    Raises:
        Unavailable: the store did not answer; the leases run out by themselves.
    """
    return sum(execution_ended(platform, execution) for execution in executions)
