"""What a benchmark is given and what it hands back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.report import Row


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """How much to measure, and where. `folder` is empty, and removed by whoever made it."""

    folder: Path
    audio: Path | None
    rounds: int
    quick: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Findings:
    """`notes` explain the figures; any of `failures` makes the whole run fail."""

    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()


Benchmark = Callable[[Plan], Findings]


class BenchmarkBroken(Exception):
    """A benchmark could not be carried out: its figures would mean nothing."""
