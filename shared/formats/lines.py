"""Laying units out on lines: how many lines a text needs, and where to break them evenly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count

from shared.formats.units import Unit, visible_length


def unit_width(unit: Unit, *, is_first: bool) -> int:
    """Characters that a unit takes, with the space before it unless it opens a line."""
    return visible_length(unit.text) + (unit.spaced and not is_first)


def reach(units: Sequence[Unit], start: int, *, width: int, lines: int, lead: int) -> Iterator[int]:
    """Yield each end such that ``units[start:end]`` fits `lines` lines of `width` characters.

    `lead` characters stand before the first unit. A unit that is longer than a line stands alone
    on one, so the first end is always yielded.
    """
    line_count, used = 1, lead + unit_width(units[start], is_first=True)
    yield start + 1
    for index in range(start + 1, len(units)):
        used += unit_width(units[index], is_first=False)
        if used > width:
            line_count, used = line_count + 1, unit_width(units[index], is_first=True)
        if line_count > lines:
            return
        yield index + 1


def wrap(units: Sequence[Unit], *, width: int, lead: int = 0) -> list[tuple[Unit, ...]]:
    """Fill lines one after the other; `lead` characters stand before the first unit."""
    laid: list[tuple[Unit, ...]] = []
    start = 0
    while start < len(units):
        *_, end = reach(units, start, width=width, lines=1, lead=0 if laid else lead)
        laid.append(tuple(units[start:end]))
        start = end
    return laid


def wrap_evenly(units: Sequence[Unit], *, width: int, lead: int = 0) -> list[tuple[Unit, ...]]:
    """Break into the fewest lines, then narrow them as far as that number allows."""
    fewest = wrap(units, width=width, lead=lead)
    total = lead + sum(unit_width(unit, is_first=False) for unit in units)
    for narrower in count(total // max(1, len(fewest))):
        if narrower >= width:
            return fewest
        laid = wrap(units, width=narrower, lead=lead)
        if len(laid) == len(fewest):
            return laid
    raise AssertionError  # pragma: no cover - count() never ends
