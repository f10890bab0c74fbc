"""What calls of DynamoDB cost, by the rules that AWS publishes; moto does not count units.

"Read and write capacity" in the Developer Guide: a write costs one unit for each begun KB of the
larger of the item before and after, two in a transaction; a strongly consistent read one for each
begun 4 KB of an item, also of one that is not there; an index's page half a unit for each begun
4 KB of its entries. Each entry of an index that comes, goes or changes its projected attributes
costs one write for each begun KB, and two when its key changes.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from shared.adapters.aws.dynamo_table import item_bytes
from shared.adapters.aws.table_schema import INDEXES, PARTITION, SORT, Index
from tests.support.aws_contracts import AwsAdapters
from tests.support.dynamo import table_items

Item = dict[str, Any]


@dataclass
class Spent:
    """Calls by operation, and the units that they cost."""

    calls: Counter[str] = field(default_factory=Counter)
    writes: float = 0.0
    reads: float = 0.0


@contextmanager
def spending(aws: AwsAdapters) -> Iterator[Spent]:
    """Count what the calls in this block cost; the table should be small, it is read for each."""
    spent, meter = Spent(), _Meter(aws)
    events: Any = aws.clients.dynamodb.meta.events

    def before_call(model: Any, params: Any, **_: object) -> None:
        meter.look()
        spent.calls[model.name] += 1
        asked = json.loads(params["body"]).get("RequestItems", {})
        meter.keys_asked = sum(len(one["Keys"]) for one in asked.values())

    def after_call(model: Any, parsed: Any, **_: object) -> None:
        spent.reads += meter.read(model.name, parsed)
        spent.writes += meter.written(transaction=model.name == "TransactWriteItems")

    events.register("before-call.dynamodb", before_call)
    events.register("after-call.dynamodb", after_call)
    try:
        yield spent
    finally:
        events.unregister("before-call.dynamodb", before_call)
        events.unregister("after-call.dynamodb", after_call)


class _Meter:
    """Compares the table before and after a call, through a client of its own."""

    def __init__(self, aws: AwsAdapters) -> None:
        self._watcher = type(aws.clients)()
        self._name = aws.name
        self._before: dict[tuple[str, str], Item] = {}

        self.keys_asked = 0

    def look(self) -> None:
        self._before = table_items(self._watcher.dynamodb, self._name)

    def written(self, *, transaction: bool) -> float:
        after = table_items(self._watcher.dynamodb, self._name)
        keys = set(self._before) | set(after)
        return sum(
            _write_units(self._before.get(key), after.get(key), 2 if transaction else 1)
            for key in keys
        )

    def read(self, operation: str, parsed: Any) -> float:
        if operation == "GetItem":
            return _item_units(parsed.get("Item", {}))
        if operation == "BatchGetItem":
            items = parsed["Responses"][self._name]
            return sum(map(_item_units, items)) + self.keys_asked - len(items)
        if operation == "Query":
            size = sum(item_bytes(item) for item in parsed["Items"])
            return max(1, math.ceil(size / 4096)) / 2
        return 0.0


def _write_units(before: Item | None, after: Item | None, times: int) -> float:
    if before == after:
        return 0.0
    base = max(_kilobytes(item) for item in (before, after) if item is not None)
    return times * base + sum(
        _index_units(_entry(index, before), _entry(index, after)) for index in INDEXES
    )


def _index_units(before: Item | None, after: Item | None) -> float:
    if before == after:
        return 0.0
    return float(sum(_kilobytes(entry) for entry in (before, after) if entry is not None))


def _entry(index: Index, item: Item | None) -> Item | None:
    if item is None or index.partition not in item or index.sort not in item:
        return None
    names = (PARTITION, SORT, index.partition, index.sort, *index.carries)
    return {name: item[name] for name in names if name in item}


def _kilobytes(item: Item) -> int:
    return math.ceil(item_bytes(item) / 1024)


def _item_units(item: Item) -> float:
    return float(max(1, math.ceil(item_bytes(item) / 4096)))
