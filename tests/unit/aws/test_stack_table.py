"""The table that `template.yaml` makes is the one that the adapters write to."""

from __future__ import annotations

from typing import Any

from shared.adapters.aws.table_schema import create_table_request, time_to_live_request
from tests.support.stack import stack


def by_name(items: list[dict[str, Any]], name: str) -> dict[str, dict[str, Any]]:
    return {item[name]: item for item in items}


def test_keys_and_indexes_are_those_of_the_schema() -> None:
    made, wanted = stack().properties("Table"), create_table_request("t")
    for key, name in (
        ("AttributeDefinitions", "AttributeName"),
        ("GlobalSecondaryIndexes", "IndexName"),
    ):
        assert by_name(made[key], name) == by_name(wanted[key], name)
    assert made["KeySchema"] == wanted["KeySchema"]
    assert made["BillingMode"] == wanted["BillingMode"]


def test_what_may_expire_does() -> None:
    wanted = time_to_live_request("t")["TimeToLiveSpecification"]
    assert stack().properties("Table")["TimeToLiveSpecification"] == wanted
