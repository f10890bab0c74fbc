"""Time and identifiers that a test owns."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class FakeClock:
    """Stands still (Unix seconds) until a test advances it."""

    start: float = 1_800_000_000.0
    _elapsed: float = 0.0

    def now(self) -> float:
        return self.start + self._elapsed

    def advance(self, seconds: float) -> None:
        self._elapsed += seconds


@dataclass
class SequentialIds:
    """``job_00000000000000000000000001``, ``…02``: 26 digits, counted per prefix."""

    _counts: Counter[str] = field(default_factory=Counter)

    def new(self, prefix: str) -> str:
        self._counts[prefix] += 1
        return f"{prefix}_{self._counts[prefix]:026d}"
