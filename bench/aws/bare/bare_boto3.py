"""The least that a function with a table can be: one client, one read."""

from __future__ import annotations

import os

import boto3

dynamodb = boto3.client("dynamodb")


def handler(event: object, context: object) -> dict[str, bool]:
    """Read one item."""
    del event, context
    key = {"pk": {"S": "bare"}, "sk": {"S": "bare"}}
    found = dynamodb.get_item(TableName=os.environ["TAMLIL_AWS_TABLE"], Key=key)
    return {"found": "Item" in found}
