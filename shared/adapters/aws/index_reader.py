"""Lists: an index says which records may match, the records themselves say whether they do.

Indexes follow the table after a moment. Therefore they hold keys only, and what they name is read
again from the table, strongly consistent: a list may miss for a moment what has just come to
match, but gives nothing that no longer does, and nothing older than the call.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any, TypeVar

from shared.adapters.aws.clients import translated
from shared.adapters.aws.dynamo_table import DynamoTable, Item, key, primary_key
from shared.adapters.aws.table_schema import PARTITION, SORT, Index
from shared.adapters.documents import readable
from shared.domain.errors import Unavailable

R = TypeVar("R")
Key = tuple[str, str]

#: Before and behind every sort key.
LOWEST = "!"
HIGHEST = "~~"

#: BatchGetItem takes so many keys.
_MOST_KEYS = 100
#: An index's answer is cut at 1 MB anyway; this many entries stay well below.
_MOST_ENTRIES = 1000
_TRIES = 8
_FIRST_WAIT_SECONDS = 0.05


@dataclass(frozen=True, kw_only=True, slots=True)
class Range:
    """A part of an index, or without one of the table: sort keys from `low` to `high`, both in."""

    index: Index | None
    partition: str
    low: str = LOWEST
    high: str = HIGHEST
    newest_first: bool = False
    filtered: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entry:
    """What an index says of a record: where it sorts, and its key in the table."""

    sort: str
    key: Key


def entries(table: DynamoTable, ranges: Iterable[Range], *, limit: int) -> Iterator[Entry]:
    """What lies in these ranges, merged; pages are read as far as they are asked for.

    `limit` is how many are likely to be taken.
    """
    ranges = [wanted for wanted in ranges if wanted.low <= wanted.high]
    return heapq.merge(
        *(_entries(table, wanted, min(max(limit, 1), _MOST_ENTRIES)) for wanted in ranges),
        key=lambda entry: entry.sort,
        reverse=any(wanted.newest_first for wanted in ranges),
    )


def _entries(table: DynamoTable, wanted: Range, limit: int) -> Iterator[Entry]:
    sort = wanted.index.sort if wanted.index else SORT
    for item in items_in(table, wanted, limit=limit):
        yield Entry(item[sort]["S"], primary_key(item))


def items_in(table: DynamoTable, wanted: Range, *, limit: int) -> Iterator[Item]:
    """The items of one range, page by page of up to `limit`."""
    request = _request(table, wanted, limit)
    while True:
        with translated("the table"):
            answer = table.client.query(**request)
        yield from answer["Items"]
        if "LastEvaluatedKey" not in answer:
            return
        request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def _request(table: DynamoTable, wanted: Range, limit: int) -> dict[str, Any]:
    index = wanted.index
    names = {"#p": index.partition if index else PARTITION, "#s": index.sort if index else SORT}
    values = {
        ":p": {"S": wanted.partition},
        ":low": {"S": wanted.low},
        ":high": {"S": wanted.high},
    }
    request = {
        "TableName": table.name,
        "KeyConditionExpression": "#p = :p AND #s BETWEEN :low AND :high",
        "ScanIndexForward": not wanted.newest_first,
        "Limit": limit,
        **({"IndexName": index.name} if index else {"ConsistentRead": True}),
    }
    if wanted.filtered:
        request["FilterExpression"] = wanted.filtered["FilterExpression"]
        names |= wanted.filtered["ExpressionAttributeNames"]
        values |= wanted.filtered["ExpressionAttributeValues"]
    return request | {"ExpressionAttributeNames": names, "ExpressionAttributeValues": values}


def matching(
    table: DynamoTable,
    found: Iterator[Entry],
    *,
    load: Callable[[Item], R],
    wanted: Callable[[R], bool],
    limit: int,
) -> list[R]:
    """Up to `limit` records behind these entries that are as wanted, in the entries' order.

    One that can't be read is left out, see `readable`.
    """
    records: list[R] = []
    fresh = _once_each(found)
    while len(records) < limit:
        keys = list(islice(fresh, min(limit - len(records), _MOST_KEYS)))
        if not keys:
            break
        items = batch_get(table, keys)
        present = (
            readable(partial(load, items[one]), "/".join(one)) for one in keys if one in items
        )
        records += [record for record in present if record is not None and wanted(record)]
    return records


def _once_each(found: Iterator[Entry]) -> Iterator[Key]:
    """An index that is behind may show a record at its old place and at its new one."""
    seen: set[Key] = set()
    for entry in found:
        if entry.key not in seen:
            seen.add(entry.key)
            yield entry.key


def batch_get(table: DynamoTable, keys: Sequence[Key]) -> dict[Key, Item]:
    """At most 100 items by key, strongly consistent; those that are there.

    Raises:
        Unavailable: DynamoDB left some unread again and again.
    """
    items: dict[Key, Item] = {}
    left = [key(*one) for one in keys]
    wait = _FIRST_WAIT_SECONDS
    for _ in range(_TRIES):
        request = {table.name: {"Keys": left, "ConsistentRead": True}}
        with translated("the table"):
            answer = table.client.batch_get_item(RequestItems=request)
        found = answer["Responses"].get(table.name, [])
        items |= {primary_key(item): item for item in found}
        left = answer.get("UnprocessedKeys", {}).get(table.name, {}).get("Keys", [])
        if not left:
            return items
        if not found:  # throttled; an answer that was cut at 16 MB goes on at once
            table.sleep(random.uniform(0.5, 1.0) * wait)  # noqa: S311 - jitter, no secret
            wait *= 2
    raise Unavailable("the table did not answer as it should (keys left unread)")
