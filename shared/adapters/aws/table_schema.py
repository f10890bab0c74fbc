"""The one table of an AWS deployment as data: its keys, its indexes, what expires.

`template.yaml` makes the table and is tested against this; docs/aws-table.md says which question
each key answers. Attributes of keys are strings; an item that lacks an index's keys is not in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

PARTITION = "pk"
SORT = "sk"

#: Unix seconds after which DynamoDB may erase an item; only where losing one does no harm.
EXPIRES = "expires_at"

#: Parts that a crowded key is split into. Fixed for a table that is in use: a tenant's deliveries
#: are looked for in the one shard that its name falls into, with one read and not with eight.
SHARDS = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Index:
    """A global secondary index; besides the keys it holds `carries` and no more."""

    name: str
    partition: str
    sort: str
    carries: tuple[str, ...] = ()


#: A tenant's jobs, deliveries and keys by age.
NEWEST = Index(name="newest", partition="newest_pk", sort="age")
#: The same, by tenant, kind and status: a filter reads only what it gives.
STATUS = Index(name="status", partition="status_pk", sort="age")
#: A recording's jobs by age; and all API keys.
GROUP = Index(name="group", partition="group_pk", sort="age")
#: What the sweep must look at, by the time at which it must; in shards.
DUE = Index(name="due", partition="due_pk", sort="due_at")
#: Whose turn it is: pending jobs by priority and age, in shards; processing ones by their
#: execution; unsent deliveries by tenant and time, in shards.
TURN = Index(name="turn", partition="turn_pk", sort="turn", carries=("not_before",))

INDEXES = (NEWEST, STATUS, GROUP, DUE, TURN)

#: Every attribute that an index finds by; a record that changes sets or removes each.
INDEX_ATTRIBUTES = tuple(
    dict.fromkeys(name for index in INDEXES for name in (index.partition, index.sort))
) + tuple(name for index in INDEXES for name in index.carries)


def attribute_definitions() -> list[dict[str, str]]:
    """``AttributeDefinitions``, as CreateTable and CloudFormation have them."""
    names = {PARTITION, SORT} | {key for index in INDEXES for key in (index.partition, index.sort)}
    return [{"AttributeName": name, "AttributeType": "S"} for name in sorted(names)]


def key_schema(partition: str, sort: str) -> list[dict[str, str]]:
    """``KeySchema`` of a table or an index."""
    return [
        {"AttributeName": partition, "KeyType": "HASH"},
        {"AttributeName": sort, "KeyType": "RANGE"},
    ]


def global_secondary_indexes() -> list[dict[str, Any]]:
    """``GlobalSecondaryIndexes``, as CreateTable and CloudFormation have them."""
    return [
        {
            "IndexName": index.name,
            "KeySchema": key_schema(index.partition, index.sort),
            "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": list(index.carries)}
            if index.carries
            else {"ProjectionType": "KEYS_ONLY"},
        }
        for index in INDEXES
    ]


def create_table_request(table: str) -> dict[str, Any]:
    """What CreateTable is asked for where no template makes the table."""
    return {
        "TableName": table,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": attribute_definitions(),
        "KeySchema": key_schema(PARTITION, SORT),
        "GlobalSecondaryIndexes": global_secondary_indexes(),
    }


def time_to_live_request(table: str) -> dict[str, Any]:
    """What UpdateTimeToLive is asked for then."""
    return {
        "TableName": table,
        "TimeToLiveSpecification": {"AttributeName": EXPIRES, "Enabled": True},
    }
