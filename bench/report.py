"""Rows of results, as a table for people and as JSON for scripts.

A ratio is always turned so that above 1 ours is better. A target is the least ratio; for a row
without a peer (a count of lost jobs, say) it is the most that ours may be.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

HEADER = (
    "ratio: above 1 ours is better, below 1 the peer is.\n"
    "target: the least ratio; where there is no peer, the most that ours may be."
)
_COLUMNS = ("ratio", "target", "", "name", "ours", "peer", "unit")
_LEFT = {3, 6}


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One result; `met` None means that no target was set."""

    name: str
    ours: float
    peer: float | None
    unit: str
    ratio: float | None
    target: float | None
    met: bool | None


def lower_is_better(
    name: str,
    ours: float,
    peer: float,
    *,
    unit: str,
    ratio: float | None = None,
    target: float | None = None,
) -> Row:
    """Seconds, bytes. `ratio` replaces peer/ours where it was taken round by round."""
    found = _divided(peer, ours) if ratio is None else ratio
    return _compared(name, ours, peer, unit, found, target)


def higher_is_better(
    name: str,
    ours: float,
    peer: float,
    *,
    unit: str,
    ratio: float | None = None,
    target: float | None = None,
) -> Row:
    """Requests or jobs a second. `ratio` as in `lower_is_better`."""
    found = _divided(ours, peer) if ratio is None else ratio
    return _compared(name, ours, peer, unit, found, target)


def no_worse(name: str, ours: float, peer: float, *, unit: str) -> Row:
    """Errors: the target is that ours are no more than the peer's, none included."""
    ratio = 1.0 if ours == peer else _divided(peer, ours)
    return Row(
        name=name, ours=ours, peer=peer, unit=unit, ratio=ratio, target=1.0, met=ours <= peer
    )


def measured(name: str, ours: float, *, unit: str, at_most: float | None = None) -> Row:
    """A figure without a peer, with or without a limit."""
    met = None if at_most is None else ours <= at_most
    return Row(name=name, ours=ours, peer=None, unit=unit, ratio=None, target=at_most, met=met)


def table(rows: Sequence[Row]) -> str:
    """The rows under a header that says how to read them, ratios first."""
    cells = [_COLUMNS, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_COLUMNS))]
    lines = [
        "  ".join(
            text.ljust(width) if column in _LEFT else text.rjust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    ]
    return "\n".join([HEADER, "", *lines])


def write_json(rows: Sequence[Row], path: Path) -> None:
    """A list of objects with exactly the fields of `Row`.

    What is in the file stays, but for rows of the same names, which are replaced where they stand:
    benchmarks that were not run this time keep theirs.
    """
    found = {row["name"]: row for row in _earlier(path)} | {row.name: asdict(row) for row in rows}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(list(found.values()), indent=1) + "\n", encoding="utf-8")


def _earlier(path: Path) -> list[dict[str, Any]]:
    """The rows of an earlier run; none if there is no such file."""
    rows: list[dict[str, Any]] = []
    if path.is_file():
        rows = json.loads(path.read_text(encoding="utf-8"))
    return rows


def _compared(
    name: str, ours: float, peer: float, unit: str, ratio: float | None, target: float | None
) -> Row:
    met = None if target is None else ratio is not None and ratio >= target
    return Row(name=name, ours=ours, peer=peer, unit=unit, ratio=ratio, target=target, met=met)


def _divided(above: float, below: float) -> float | None:
    """None where nothing can be said: a figure of 0 was not measured finely enough."""
    return above / below if below else None


def _cells(row: Row) -> tuple[str, ...]:
    return (
        _number(row.ratio),
        _number(row.target),
        {True: "met", False: "MISSED", None: ""}[row.met],
        row.name,
        _number(row.ours),
        _number(row.peer),
        row.unit,
    )


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    if float(value).is_integer():
        return f"{value:.0f}"
    return f"{value:.2f}" if abs(value) < 100 else f"{value:.0f}"
