"""Lists of deliveries, found through the table's indexes and a job's links."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from itertools import islice

from shared.adapters.aws.dynamo_delivery_items import (
    DELIVERY_SORT,
    LINK,
    due_key,
    newest_partition,
    status_partition,
    turn_key,
    turn_partition,
)
from shared.adapters.aws.dynamo_job_items import job_partition
from shared.adapters.aws.dynamo_records import record_of
from shared.adapters.aws.dynamo_table import DynamoTable, Item
from shared.adapters.aws.index_reader import (
    HIGHEST,
    LOWEST,
    Entry,
    Range,
    entries,
    items_in,
    matching,
)
from shared.adapters.aws.sort_keys import BEHIND, age_key, shard_of, time_key
from shared.adapters.aws.table_schema import DUE, NEWEST, SHARDS, STATUS, TURN
from shared.adapters.documents import decode_cursor, encode_cursor
from shared.domain.deliveries import Delivery
from shared.ports.delivery_store import DeliveryPage, DeliveryQuery

_CURSOR = "dynamo-deliveries-1"


class DeliveryLists:
    """The reading half of `DynamoDeliveryStore`."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = table

    def query(self, query: DeliveryQuery) -> DeliveryPage:
        """A page of a tenant's deliveries."""
        position = None if query.cursor is None else decode_cursor(_CURSOR, query.cursor)

        def wanted(delivery: Delivery) -> bool:
            behind = position is None or (delivery.created_at, delivery.id) < position
            return (
                behind
                and delivery.tenant == query.tenant
                and query.job_id in (None, delivery.job_id)
                and query.status in (None, delivery.status)
            )

        found = self._candidates(query, position)
        records = self._matching(found, wanted=wanted, limit=query.limit + 1)
        page = tuple(records[: query.limit])
        if len(records) <= query.limit or not page:
            return DeliveryPage(deliveries=page, cursor=None)
        last = page[-1]
        cursor = encode_cursor(_CURSOR, at=last.created_at, last_id=last.id)
        return DeliveryPage(deliveries=page, cursor=cursor)

    def due(
        self, *, now: float, limit: int, tenant: str | None, after: Delivery | None
    ) -> tuple[Delivery, ...]:
        """Records whose `wake_at` is not after `now`, behind `after`."""
        if after is not None and after.wake_at is None:
            return ()
        position = None if after is None else (after.wake_at or 0.0, after.id)

        def wanted(delivery: Delivery) -> bool:
            at = delivery.wake_at
            return (
                at is not None
                and at <= now
                and tenant in (None, delivery.tenant)
                and (position is None or (at, delivery.id) > position)
            )

        ranges = _due_ranges(now, tenant, position)
        found = entries(self._table, ranges, limit=limit)
        records = self._matching(found, wanted=wanted, limit=limit)
        return tuple(sorted(records, key=lambda one: (one.wake_at or 0.0, one.id)))

    def due_tenants(self, *, now: float, limit: int, after: str) -> tuple[str, ...]:
        """Names of tenants, as the index shows them."""
        shards = [self._tenants(shard, now=now, after=after) for shard in range(SHARDS)]
        return tuple(islice(heapq.merge(*shards), limit))

    def links(self, job_id: str) -> list[Item]:
        """A job's links to its deliveries, read strongly consistent."""
        return list(items_in(self._table, _links_range(job_id, None), limit=100))

    def _tenants(self, shard: int, *, now: float, after: str) -> Iterator[str]:
        """Those of one shard in order: one short read a tenant, however much is due of it."""
        low = f"{after}{BEHIND}" if after else LOWEST
        while True:
            wanted = Range(index=TURN, partition=turn_partition(shard), low=low)
            first = next(entries(self._table, [wanted], limit=1), None)
            if first is None:
                return
            tenant, at, _ = first.sort.split("#", 2)
            if at <= time_key(now):
                yield tenant
            low = f"{tenant}{BEHIND}"

    def _candidates(
        self, query: DeliveryQuery, position: tuple[float, str] | None
    ) -> Iterator[Entry]:
        if query.job_id is not None:
            links = items_in(self._table, _links_range(query.job_id, position), limit=query.limit)
            return (
                Entry(link["sk"]["S"], (link["delivery"]["S"], DELIVERY_SORT)) for link in links
            )
        if query.status is not None:
            index, partition = STATUS, status_partition(query.tenant, query.status)
        else:
            index, partition = NEWEST, newest_partition(query.tenant)
        high = HIGHEST if position is None else age_key(*position)
        wanted = Range(index=index, partition=partition, high=high, newest_first=True)
        return entries(self._table, [wanted], limit=query.limit + 1)

    def _matching(
        self, found: Iterator[Entry], *, wanted: Callable[[Delivery], bool], limit: int
    ) -> list[Delivery]:
        return matching(
            self._table,
            found,
            load=lambda item: record_of(Delivery, item),
            wanted=wanted,
            limit=limit,
        )


def _links_range(job_id: str, position: tuple[float, str] | None) -> Range:
    high = HIGHEST if position is None else age_key(*position)
    return Range(
        index=None,
        partition=job_partition(job_id),
        low=f"{LINK}{LOWEST}",
        high=f"{LINK}{high}",
        newest_first=True,
    )


def _due_ranges(now: float, tenant: str | None, position: tuple[float, str] | None) -> list[Range]:
    until = f"{time_key(now)}{BEHIND}"
    if tenant is None:
        low = LOWEST if position is None else due_key(*position)
        return [
            Range(index=DUE, partition=f"delivery#{shard}", low=low, high=until)
            for shard in range(SHARDS)
        ]
    low = f"{tenant}#" if position is None else turn_key(tenant, *position)
    partition = turn_partition(shard_of(tenant))
    return [Range(index=TURN, partition=partition, low=low, high=f"{tenant}#{until}")]
