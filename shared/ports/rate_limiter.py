"""A rate limit that holds across instances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, kw_only=True, slots=True)
class RateRule:
    """`limit` requests per `window_seconds` in the long run, `burst` of them at once."""

    limit: int
    window_seconds: float
    burst: int


@dataclass(frozen=True, kw_only=True, slots=True)
class RateDecision:
    """`retry_after` is 0.0 when allowed; `reset_after` is when the full burst is there again."""

    allowed: bool
    remaining: int
    retry_after: float
    reset_after: float


class RateLimiter(Protocol):
    """Generic cell rate algorithm (ITU-T I.371): one stored time per key, changed atomically."""

    def hit(self, key: str, rule: RateRule, *, now: float) -> RateDecision:
        """Count one request. A refused one costs nothing.

        Raises:
            Unavailable: the store did not answer.
        """
        ...
