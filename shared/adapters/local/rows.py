"""Lists of records from rows of their ids and documents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TypeVar

from shared.adapters.documents import load, readable

T = TypeVar("T")
Row = tuple[str, str]


def records(cls: type[T], rows: Iterable[Row]) -> list[T]:
    """The records of these rows, without those that can't be read."""
    found = (readable(partial(load, cls, text), record_id) for record_id, text in rows)
    return [record for record in found if record is not None]


def first_records(cls: type[T], select: Callable[[int], Sequence[Row]], limit: int) -> list[T]:
    """The first `limit` records that can be read; `select` gives so many of the first rows."""
    unread = 0
    while True:
        rows = select(limit + unread)
        found = records(cls, rows)
        if len(found) >= limit or len(rows) < limit + unread:
            return found[:limit]
        unread = len(rows) - len(found)
