"""The calls that the stores make of DynamoDB, and what its refusals mean.

Two writers of one item at the same moment are no fault: a transaction in progress refuses everybody
else who would write its items, so those calls are made again here, a few times. Throttling, lost
connections and 5xx were tried again by the SDK before they arrive here.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar, cast

from shared.adapters.aws.clients import AwsClients, error_code, translated
from shared.adapters.aws.table_schema import PARTITION, SORT
from shared.domain.errors import LimitExceeded, Unavailable

#: An item in DynamoDB's own notation: ``{"pk": {"S": "…"}}``.
Item = dict[str, Any]
R = TypeVar("R")

#: An item's names and values may take so many bytes, says DynamoDB.
MOST_ITEM_BYTES = 400 * 1024
#: Writes in one transaction.
MOST_WRITES = 100
_CONFLICTS = ("TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded")
_TRIES = 10
_FIRST_WAIT_SECONDS = 0.02
_LONGEST_WAIT_SECONDS = 0.5


class ConditionFailed(Exception):
    """The item was not as the write wanted it; `item` is how it was, None when there was none."""

    def __init__(self, item: Item | None) -> None:
        super().__init__("condition failed")
        self.item = item


class TransactionRefused(Exception):
    """Some items were not as wanted, so nothing was written: place in the transaction → item."""

    def __init__(self, failed: Mapping[int, Item | None]) -> None:
        super().__init__("transaction refused")
        self.failed = failed


def key(partition: str, sort: str) -> Item:
    """The primary key of an item."""
    return {PARTITION: {"S": partition}, SORT: {"S": sort}}


def primary_key(item: Item) -> tuple[str, str]:
    """Partition and sort key of an item."""
    return item[PARTITION]["S"], item[SORT]["S"]


class DynamoTable:
    """One table; every read by key is strongly consistent.

    `sleep` waits between tries after conflicts, in seconds.
    """

    def __init__(
        self, clients: AwsClients, name: str, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.name = name
        self._clients = clients
        self.sleep = sleep

    @property
    def client(self) -> Any:
        """The SDK's client; untyped, because requests are put together from parts."""
        return self._clients.dynamodb

    def get(self, partition: str, sort: str) -> Item | None:
        """The item, or None."""
        with self._translated():
            answer = self.client.get_item(
                TableName=self.name, Key=key(partition, sort), ConsistentRead=True
            )
        return cast("Item | None", answer.get("Item"))

    def put(self, item: Item, **condition: Any) -> None:
        """Store the item.

        Raises:
            ConditionFailed: the condition does not hold.
            LimitExceeded: DynamoDB takes no item of this size.
        """
        check_size(item)
        self._write("put_item", {"Item": item, **condition})

    def update(self, partition: str, sort: str, **request: Any) -> Item:
        """Change an item; returns what ``ReturnValues`` asks for.

        Raises:
            ConditionFailed: the condition does not hold.
        """
        answer = self._write("update_item", {"Key": key(partition, sort), **request})
        return cast("Item", answer.get("Attributes", {}))

    def write(self, update: Item) -> None:
        """Make an update that `dynamo_records.replacing` has put together.

        Raises:
            ConditionFailed: the condition does not hold.
        """
        self._write("update_item", update)

    def delete(self, partition: str, sort: str) -> None:
        """Erase an item; an absent one is not an error."""
        self._write("delete_item", {"Key": key(partition, sort)})

    def transact(self, build: Callable[[], Sequence[Mapping[str, Item]]]) -> None:
        """Write all or nothing. `build` is asked again for every try, and may choose anew.

        The SDK gives each try a token, so that one whose answer was lost is not done twice.

        Raises:
            TransactionRefused: conditions don't hold.
            LimitExceeded: it is of more writes than DynamoDB takes at once.
        """

        def once() -> None:
            writes = [self._named(write) for write in build()]
            if len(writes) > MOST_WRITES:
                msg = f"one write of {len(writes)} items; DynamoDB takes at most {MOST_WRITES}"
                raise LimitExceeded(msg)
            self.client.transact_write_items(TransactItems=writes)

        self._again_after_conflicts(once)

    def _named(self, write: Mapping[str, Item]) -> Item:
        return {
            kind: {
                "TableName": self.name,
                **({} if "ConditionExpression" not in request else _ALL_OLD),
                **request,
            }
            for kind, request in write.items()
        }

    def _write(self, method: str, request: Item) -> Any:
        more = _ALL_OLD if "ConditionExpression" in request else {}

        def once() -> Any:
            return getattr(self.client, method)(TableName=self.name, **more, **request)

        return self._again_after_conflicts(once)

    def _again_after_conflicts(self, call: Callable[[], R]) -> R:
        from botocore.exceptions import ClientError

        wait = _FIRST_WAIT_SECONDS
        for _ in range(_TRIES):
            with self._translated():
                try:
                    return call()
                except ClientError as exc:
                    _raise_refusal(exc)
            # Full jitter: those who met once don't meet again.
            self.sleep(random.uniform(0.0, wait))  # noqa: S311 - no secret
            wait = min(2 * wait, _LONGEST_WAIT_SECONDS)
        raise Unavailable("the table did not answer as it should (too many writers of one item)")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        with translated("the table"):
            yield


_ALL_OLD = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}


def _raise_refusal(error: Any) -> None:
    """Raise what the error means; return when the call was only in somebody's way."""
    code = error_code(error)
    if code == "ConditionalCheckFailedException":
        raise ConditionFailed(error.response.get("Item")) from error
    if code == "TransactionCanceledException":
        reasons = error.response.get("CancellationReasons", [])
        codes = [reason.get("Code", "None") for reason in reasons]
        failed = {
            place: reasons[place].get("Item")
            for place, one in enumerate(codes)
            if one == "ConditionalCheckFailed"
        }
        if failed:
            raise TransactionRefused(failed) from error
        if any(one in _CONFLICTS for one in codes):
            return
    if code != "TransactionConflictException":
        raise error


def item_bytes(item: Item) -> int:
    """How large DynamoDB takes the item to be: names and values in UTF-8.

    Numbers count about a byte for two digits; their text is an upper bound.
    """
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def _value_bytes(value: Any) -> int:
    ((kind, content),) = value.items()
    if kind == "L":
        return 3 + sum(1 + _value_bytes(one) for one in content)
    return len(content.encode()) if isinstance(content, str) else 1


def check_size(item: Item) -> None:
    """Refuse what DynamoDB would refuse, in words that say why.

    Raises:
        LimitExceeded: code ``record_too_large``.
    """
    size = item_bytes(item)
    if size > MOST_ITEM_BYTES:
        raise LimitExceeded(
            f"the record takes {size} bytes; the table takes at most {MOST_ITEM_BYTES}",
            code="record_too_large",
        )
