"""API keys, hashed, in DynamoDB."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from shared.adapters.aws.clients import AwsClients
from shared.adapters.aws.dynamo_records import IF_ABSENT, record_of
from shared.adapters.aws.dynamo_table import ConditionFailed, DynamoTable, Item, key
from shared.adapters.aws.index_reader import Range, entries, matching
from shared.adapters.aws.sort_keys import age_key, fitting
from shared.adapters.aws.table_schema import GROUP, NEWEST, PARTITION
from shared.adapters.documents import dump
from shared.domain.api_keys import ApiKey
from shared.domain.errors import Conflict, NotFound

_SORT = "key"
_ALL_KEYS = "key"

#: Revoking writes only over a key that is there and still in force.
_IF_IN_FORCE: dict[str, Any] = {
    "ConditionExpression": "attribute_exists(#pk) AND attribute_not_exists(#revoked)",
    "ExpressionAttributeNames": {"#pk": PARTITION, "#revoked": "revoked"},
}


class DynamoKeyStore:
    """`KeyStore` on DynamoDB."""

    def __init__(self, clients: AwsClients, *, table: str) -> None:
        self._table = DynamoTable(clients, table)

    def add(self, key: ApiKey) -> None:
        """Store a new key or raise `Conflict`."""
        item = _item(key) | {"write": {"S": secrets.token_hex(8)}}
        try:
            self._table.put(item, **IF_ABSENT)
        except ConditionFailed as failed:
            if (failed.item or {}).get("write") != item["write"]:  # else: our own, tried again
                raise Conflict(f"an API key with id {key.id!r} exists") from failed

    def get(self, key_id: str) -> ApiKey | None:
        """The key, revoked ones included, or None."""
        item = self._table.get(_partition(key_id), _SORT)
        return None if item is None else record_of(ApiKey, item)

    def list(self, tenant: str | None = None) -> Sequence[ApiKey]:
        """A tenant's keys, or all; oldest first."""
        if tenant is None:
            wanted = Range(index=GROUP, partition=_ALL_KEYS)
        else:
            wanted = Range(index=NEWEST, partition=_newest_partition(tenant))
        found = matching(
            self._table,
            entries(self._table, [wanted], limit=1000),
            load=lambda item: record_of(ApiKey, item),
            wanted=lambda key: tenant in (None, key.tenant),
            limit=sys.maxsize,
        )
        return tuple(found)

    def revoke(self, key_id: str, *, now: float) -> ApiKey:
        """Mark it revoked; the first revocation's time stays."""
        key = self.get(key_id)
        if key is None:
            raise NotFound(f"there is no API key {key_id!r}")
        if key.revoked_at is not None:
            return key
        revoked = replace(key, revoked_at=now)
        try:
            self._table.put(_item(revoked) | {"revoked": {"BOOL": True}}, **_IF_IN_FORCE)
        except ConditionFailed as failed:
            if failed.item is None:
                raise NotFound(f"there is no API key {key_id!r}") from failed
            return record_of(ApiKey, failed.item)
        return revoked


def _partition(key_id: str) -> str:
    return f"key#{fitting(key_id)}"


def _newest_partition(tenant: str) -> str:
    return f"key#{tenant}"


def _item(api_key: ApiKey) -> Item:
    return key(_partition(api_key.id), _SORT) | {
        "document": {"S": dump(api_key)},
        NEWEST.partition: {"S": _newest_partition(api_key.tenant)},
        GROUP.partition: {"S": _ALL_KEYS},
        NEWEST.sort: {"S": age_key(api_key.created_at, api_key.id)},
    }
