"""What a benchmark is given and what it hands back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.report import Row


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """How much to measure, and where. `folder` is empty, and removed by whoever made it.

    `data` is a folder of recordings with references, `recordings` which of them (all if empty),
    `hours` how long synthetic audio is to be, and `sparse_hours` how long audio that is nearly
    all silence.
    """

    folder: Path
    audio: Path | None
    rounds: int
    quick: bool
    data: Path | None = None
    recordings: tuple[str, ...] = ()
    hours: tuple[float, ...] = ()
    sparse_hours: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Findings:
    """`notes` explain the figures; any of `failures` makes the whole run fail.

    `text` is Markdown for the documentation.
    """

    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    text: str = ""


Benchmark = Callable[[Plan], Findings]


class BenchmarkBroken(Exception):
    """A benchmark could not be carried out: its figures would mean nothing."""
