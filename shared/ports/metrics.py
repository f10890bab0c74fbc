"""Counters that are the deployment's, not one instance's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class MetricsStore(Protocol):
    """Monotonic counters by name; names may carry labels as ``name{label="value"}``."""

    def add(self, increments: Mapping[str, float]) -> None:
        """Add to each counter atomically, making it when absent."""
        ...

    def read(self) -> dict[str, float]:
        """All counters."""
        ...
