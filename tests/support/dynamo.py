"""DynamoDB in tests: what moto does not do by itself, put between the SDK and it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from shared.adapters.aws.clients import AwsClients
from shared.adapters.aws.table_schema import PARTITION, SORT, create_table_request
from tests.support.aws_contracts import AwsAdapters


@contextmanager
def refusing(
    clients: AwsClients, operation: str, *errors: dict[str, Any]
) -> Iterator[Counter[str]]:
    """Have the next calls of an operation fail with these errors, one each; then all is well.

    An error is a response as the SDK has it: ``{"Error": {"Code": "…"}, …}``. Yields how often
    the operation was called.
    """
    calls: Counter[str] = Counter()
    left = list(errors)

    def before_call(**_: object) -> tuple[Any, dict[str, Any]] | None:
        calls[operation] += 1
        return (_Refused(), left.pop(0)) if left else None

    events: Any = clients.dynamodb.meta.events  # its handlers may answer, whatever its types say
    events.register(f"before-call.dynamodb.{operation}", before_call)
    try:
        yield calls
    finally:
        events.unregister(f"before-call.dynamodb.{operation}", before_call)


class _Refused:
    status_code = 400


@contextmanager
def losing_answers(clients: AwsClients, operation: str) -> Iterator[None]:
    """Have the SDK make each call of an operation twice, as after an answer that never came."""

    def needs_retry(**event: Any) -> int | None:
        return 0 if event["attempts"] == 1 else None

    name = f"needs-retry.dynamodb.{operation}"
    events: Any = clients.dynamodb.meta.events  # its handlers may answer, whatever its types say
    events.register_first(name, needs_retry)
    try:
        yield
    finally:
        events.unregister(name, needs_retry)


@contextmanager
def counting(clients: AwsClients) -> Iterator[Counter[str]]:
    """Count the calls by operation."""
    calls: Counter[str] = Counter()

    def before_call(model: Any, **_: object) -> None:
        calls[model.name] += 1

    events: Any = clients.dynamodb.meta.events  # its handlers may answer, whatever its types say
    events.register("before-call.dynamodb", before_call)
    try:
        yield calls
    finally:
        events.unregister("before-call.dynamodb", before_call)


class LaggingIndexes:
    """Clients whose indexes show the table as it was at the last `catch_up`.

    On DynamoDB an index follows its table after a moment, mostly of milliseconds, without any
    promise; moto's never lag. Here index reads are answered from a copy of the table. Stands in
    for `AwsClients` where only DynamoDB is used.
    """

    def __init__(self, adapters: AwsAdapters) -> None:
        self._real: Any = adapters.clients.dynamodb
        self._table = adapters.name
        self._copy = f"{adapters.name}-before"
        self._real.create_table(**create_table_request(self._copy))

    @property
    def dynamodb(self) -> LaggingIndexes:
        return self

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def query(self, **request: Any) -> Any:
        if "IndexName" in request:
            request["TableName"] = self._copy
        return self._real.query(**request)

    def catch_up(self) -> None:
        """Let the indexes show what the table holds now."""
        now = table_items(self._real, self._table)
        for pk, sk in set(table_items(self._real, self._copy)) - set(now):
            self._real.delete_item(
                TableName=self._copy, Key={PARTITION: {"S": pk}, SORT: {"S": sk}}
            )
        for item in now.values():
            self._real.put_item(TableName=self._copy, Item=item)


def table_items(client: Any, table: str) -> dict[tuple[str, str], dict[str, Any]]:
    """All that a table holds, by key."""
    pages = client.get_paginator("scan").paginate(TableName=table)
    items = [item for page in pages for item in page["Items"]]
    return {(item[PARTITION]["S"], item[SORT]["S"]): item for item in items}
