"""Webhook deliveries in DynamoDB; docs/aws-table.md shows the keys and what each call costs."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

from shared.adapters.aws.clients import AwsClients
from shared.adapters.aws.dynamo_delivery_items import (
    DELIVERY_SORT,
    delivery_keys,
    delivery_partition,
    hook_key,
    link_key,
)
from shared.adapters.aws.dynamo_delivery_lists import DeliveryLists
from shared.adapters.aws.dynamo_records import (
    IF_ABSENT,
    record_item,
    record_of,
    replacing,
)
from shared.adapters.aws.dynamo_table import (
    ConditionFailed,
    DynamoTable,
    Item,
    TransactionRefused,
    key,
)
from shared.adapters.aws.sort_keys import time_key
from shared.domain.deliveries import Delivery
from shared.domain.errors import NotFound, VersionConflict
from shared.ports.delivery_store import DeliveryPage, DeliveryQuery


class DynamoDeliveryStore:
    """`DeliveryStore` on DynamoDB.

    A delivery of a job has a link beside the job's record, written in one transaction with it:
    when a job is erased, none of its deliveries is missed because an index lags.
    """

    def __init__(self, clients: AwsClients, *, table: str) -> None:
        self._table = DynamoTable(clients, table)
        self._lists = DeliveryLists(self._table)

    def create(self, delivery: Delivery) -> Delivery:
        """Write at version 1, or return the record that has this id."""
        created = replace(delivery, version=1)
        item = key(delivery_partition(delivery.id), DELIVERY_SORT)
        item |= record_item(created, found_by=delivery_keys(created))
        link = link_key(created) | {"delivery": {"S": item["pk"]["S"]}}
        writes = [{"Put": {"Item": item, **IF_ABSENT}}]
        if delivery.job_id is not None:
            writes.append({"Put": {"Item": link}})
        try:
            self._table.transact(lambda: writes)
        except TransactionRefused as refused:
            stored = refused.failed[0]
            return self.get(delivery.id) if stored is None else record_of(Delivery, stored)
        return created

    def get(self, delivery_id: str) -> Delivery:
        """Return the record or raise `NotFound`."""
        item = self._table.get(delivery_partition(delivery_id), DELIVERY_SORT)
        if item is None:
            raise NotFound(f"there is no delivery {delivery_id!r}")
        return record_of(Delivery, item)

    def replace(self, delivery: Delivery) -> Delivery:
        """Write if the stored version is still `delivery.version`; returns it one higher."""
        written = replace(delivery, version=delivery.version + 1)
        item = record_item(written, found_by=delivery_keys(written))
        partition = delivery_partition(delivery.id)
        try:
            self._table.write(replacing(partition, DELIVERY_SORT, item, version=delivery.version))
        except ConditionFailed as failed:
            if (failed.item or {}).get("write") != item["write"]:  # else: our own, tried again
                msg = f"delivery {delivery.id!r} is no longer at version {delivery.version}"
                raise VersionConflict(msg) from failed
        return written

    def query(self, query: DeliveryQuery) -> DeliveryPage:
        """A page of a tenant's deliveries; ties of `created_at` go by id, the larger first."""
        return self._lists.query(query)

    def due(
        self,
        *,
        now: float,
        limit: int,
        tenant: str | None = None,
        after: Delivery | None = None,
    ) -> Sequence[Delivery]:
        """Records whose `wake_at` is not after `now`, earliest first, ties by id."""
        return self._lists.due(now=now, limit=limit, tenant=tenant, after=after)

    def due_tenants(self, *, now: float, limit: int, after: str = "") -> Sequence[str]:
        """Tenants that have something due, by name."""
        return self._lists.due_tenants(now=now, limit=limit, after=after)

    def delete_for_job(self, job_id: str) -> None:
        """Erase the job's deliveries, each together with its link."""
        for link in self._lists.links(job_id):
            self._table.transact(partial(_erase, link))

    def switch_off(self, tenant: str, url: str, *, now: float) -> None:
        """Remember that this receiver wants nothing more; the first time stays."""
        with suppress(ConditionFailed):
            self._table.put(key(*hook_key(tenant, url)) | {"at": {"S": time_key(now)}}, **IF_ABSENT)

    def switch_on(self, tenant: str, url: str) -> None:
        """Forget that."""
        self._table.delete(*hook_key(tenant, url))

    def is_switched_off(self, tenant: str, url: str) -> bool:
        """Whether `switch_off` holds for this tenant and URL."""
        return self._table.get(*hook_key(tenant, url)) is not None


def _erase(link: Item) -> list[dict[str, Item]]:
    return [
        {"Delete": {"Key": key(link["delivery"]["S"], DELIVERY_SORT)}},
        {"Delete": {"Key": key(link["pk"]["S"], link["sk"]["S"])}},
    ]
