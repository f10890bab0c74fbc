"""The machine's clock, and identifiers made from it."""

from __future__ import annotations

import time


class SystemClock:
    """Wall-clock time of this machine."""

    def now(self) -> float:
        """Unix seconds (UTC)."""
        return time.time()


class UlidSource:
    """ULIDs (https://github.com/ulid/spec): 48 bits of milliseconds, then 80 random bits."""

    def new(self, prefix: str) -> str:
        """``<prefix>_<26 lower-case characters>``; lower case so that ids can be object keys."""
        from ulid import ULID  # not every function makes ids

        return f"{prefix}_{str(ULID()).lower()}"
