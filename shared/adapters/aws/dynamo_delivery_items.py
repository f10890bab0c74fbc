"""How webhook deliveries and switched-off hooks lie in the table."""

from __future__ import annotations

from shared.adapters.aws.dynamo_job_items import job_partition
from shared.adapters.aws.dynamo_table import Item, key
from shared.adapters.aws.sort_keys import age_key, fitting, shard_of, time_key
from shared.adapters.aws.table_schema import DUE, NEWEST, STATUS, TURN
from shared.domain.deliveries import Delivery, DeliveryStatus

DELIVERY_SORT = "delivery"
#: Sort keys of a job's links to its deliveries begin with this.
LINK = "delivery#"


def delivery_partition(delivery_id: str) -> str:
    """Where a delivery lies."""
    return f"delivery#{fitting(delivery_id)}"


def delivery_keys(delivery: Delivery) -> dict[str, str]:
    """By what the indexes find a delivery."""
    found_by = {
        NEWEST.partition: newest_partition(delivery.tenant),
        STATUS.partition: status_partition(delivery.tenant, delivery.status),
        NEWEST.sort: age_key(delivery.created_at, delivery.id),
    }
    if delivery.wake_at is not None:
        found_by[DUE.partition] = f"delivery#{shard_of(delivery.id)}"
        found_by[DUE.sort] = due_key(delivery.wake_at, delivery.id)
        found_by[TURN.partition] = turn_partition(shard_of(delivery.tenant))
        found_by[TURN.sort] = turn_key(delivery.tenant, delivery.wake_at, delivery.id)
    return found_by


def newest_partition(tenant: str) -> str:
    """A tenant's deliveries."""
    return f"delivery#{tenant}"


def status_partition(tenant: str, status: DeliveryStatus) -> str:
    """A tenant's deliveries in one status."""
    return f"delivery#{status}#{tenant}"


def turn_partition(shard: int) -> str:
    """What is due of those tenants that fall into this shard."""
    return f"delivery#{shard}"


def due_key(wake_at: float, delivery_id: str) -> str:
    """By time, ties by id."""
    return f"{time_key(wake_at)}#{fitting(delivery_id)}"


def turn_key(tenant: str, wake_at: float, delivery_id: str) -> str:
    """By tenant, then by time, ties by id."""
    return f"{tenant}#{due_key(wake_at, delivery_id)}"


def link_key(delivery: Delivery) -> Item:
    """The key of the job's link to its delivery: a list that never lags, as an index may."""
    age = age_key(delivery.created_at, delivery.id)
    return key(job_partition(delivery.job_id or ""), f"{LINK}{age}")


def hook_key(tenant: str, url: str) -> tuple[str, str]:
    """Where it is remembered that this hook is switched off."""
    return f"hook#{tenant}#{fitting(url)}", "hook"
