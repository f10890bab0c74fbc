"""The same with a table: one client, one read."""

from __future__ import annotations

import os

import boto3
from fastapi import FastAPI
from mangum import Mangum

app = FastAPI()
dynamodb = boto3.client("dynamodb")


@app.get("/{path:path}")
def hello(path: str) -> dict[str, bool]:
    """Read one item."""
    key = {"pk": {"S": path}, "sk": {"S": "bare"}}
    found = dynamodb.get_item(TableName=os.environ["TAMLIL_AWS_TABLE"], Key=key)
    return {"found": "Item" in found}


handler = Mangum(app, lifespan="off")
