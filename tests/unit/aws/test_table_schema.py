"""The table that the template makes is the one that the stores ask."""

from __future__ import annotations

from shared.adapters.aws import table_schema
from tests.support.stack import template

MADE = template()["Resources"]["Table"]["Properties"]


def by_name(items: list[dict[str, object]], name: str) -> list[dict[str, object]]:
    return sorted(items, key=lambda item: str(item[name]))


def test_the_template_makes_the_table_with_these_keys_and_indexes() -> None:
    asked = table_schema.create_table_request("t")
    assert by_name(MADE["AttributeDefinitions"], "AttributeName") == asked["AttributeDefinitions"]
    assert MADE["KeySchema"] == asked["KeySchema"]
    assert MADE["BillingMode"] == asked["BillingMode"]
    assert by_name(MADE["GlobalSecondaryIndexes"], "IndexName") == by_name(
        asked["GlobalSecondaryIndexes"], "IndexName"
    )


def test_the_template_lets_dynamodb_erase_what_expires() -> None:
    asked = table_schema.time_to_live_request("t")["TimeToLiveSpecification"]
    assert MADE["TimeToLiveSpecification"] == asked


def test_indexes_carry_keys_and_hardly_anything_else() -> None:
    """A list reads the records themselves; an index that held them would be written with each."""
    assert {index.name: index.carries for index in table_schema.INDEXES if index.carries} == {
        "turn": ("not_before",)
    }
