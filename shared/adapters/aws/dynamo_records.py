"""What the items of jobs and of deliveries have in common: a document, a version, index keys.

The document is the record; other attributes only help to find it, so that a new field of a record
needs no change of the table. `write` names the write that made the item what it is: when the SDK
tries a write again whose answer was lost, and the version is no longer the expected one, the
store knows its own write again.
"""

from __future__ import annotations

import json
import secrets
from typing import Any, TypeVar

from shared.adapters.aws.dynamo_table import Item, check_size, key
from shared.adapters.aws.table_schema import INDEX_ATTRIBUTES, PARTITION
from shared.adapters.documents import dump, load

T = TypeVar("T")

#: For puts that must not replace anything.
IF_ABSENT: dict[str, Any] = {
    "ConditionExpression": "attribute_not_exists(#pk)",
    "ExpressionAttributeNames": {"#pk": PARTITION},
}


def record_item(record: Any, *, found_by: dict[str, str]) -> Item:
    """The attributes of a record, without its primary key.

    Raises:
        LimitExceeded: code ``record_too_large``.
    """
    item: Item = {
        "document": {"S": _readable(dump(record))},
        "version": {"N": str(record.version)},
        "status": {"S": record.status.value},
        "write": {"S": secrets.token_hex(8)},
        **{name: {"S": value} for name, value in found_by.items()},
    }
    check_size(item)
    return item


def _readable(text: str) -> str:
    """The same JSON in UTF-8: a Hebrew letter takes 2 bytes, not 6, and a write costs by size."""
    if "\\u" not in text:
        return text
    shorter = json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":"))
    try:
        shorter.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which only escapes can carry
        return text
    return shorter


def record_of(cls: type[T], item: Item) -> T:
    """The record that an item holds.

    Raises:
        Unavailable: code ``record_unreadable``.
    """
    return load(cls, item.get("document", {}).get("S", ""))


def stored_version(item: Item) -> int:
    """The version of the record that an item holds."""
    return int(item["version"]["N"])


def replacing(
    partition: str, sort: str, item: Item, *, version: int, status: str | None = None
) -> Item:
    """An update that sets all of a record, if it is still at `version` (and of this status).

    Attributes of indexes that the record has no longer are removed, so that it leaves them.
    """
    absent = [name for name in INDEX_ATTRIBUTES if name not in item]
    sets = ", ".join(f"#{name} = :{name}" for name in item)
    removes = f" REMOVE {', '.join(f'#{name}' for name in absent)}" if absent else ""
    values = {f":{name}": value for name, value in item.items()}
    condition = "#version = :expected"
    values[":expected"] = {"N": str(version)}
    if status is not None:
        condition += " AND #status = :before"
        values[":before"] = {"S": status}
    return {
        "Key": key(partition, sort),
        "UpdateExpression": f"SET {sets}{removes}",
        "ConditionExpression": condition,
        "ExpressionAttributeNames": {f"#{name}": name for name in (*item, *absent)},
        "ExpressionAttributeValues": values,
    }
