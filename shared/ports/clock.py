"""Time and identifiers, so that tests own both."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Wall-clock time."""

    def now(self) -> float:
        """Unix seconds (UTC)."""
        ...


class IdSource(Protocol):
    """Identifiers that sort by time and can't be guessed."""

    def new(self, prefix: str) -> str:
        """``<prefix>_<26 characters>``; unique across processes."""
        ...
