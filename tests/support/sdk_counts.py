"""Counts what the SDK sends to AWS, whoever calls it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import boto3

#: ``<service> <operation>`` to how often, such as ``dynamodb GetItem``.
Calls = Counter[str]
#: Services by the SDK's names, and what people call them.
SERVICES = {
    "dynamodb": "DynamoDB",
    "s3": "S3",
    "sqs": "SQS",
    "eventbridge": "EventBridge",
    "secrets-manager": "Secrets Manager",
    "batch": "Batch",
}


@contextmanager
def counting() -> Iterator[Calls]:
    """Clients of sessions that are opened within count each try that they send."""
    counts: Calls = Counter()
    lock = threading.Lock()

    def note(event_name: str, **_more: Any) -> None:
        _, service, operation = event_name.split(".")
        with lock:
            counts[f"{service} {operation}"] += 1

    class Session(boto3.Session):
        def __init__(self, *args: Any, **more: Any) -> None:
            super().__init__(*args, **more)
            self.events.register("before-send", note)

    with patch.object(boto3, "Session", Session):
        yield counts


def by_service(calls: Calls) -> dict[str, int]:
    """In all, of every service in `SERVICES`; another one is an error."""
    found = dict.fromkeys(SERVICES, 0)
    for name, times in calls.items():
        found[name.partition(" ")[0]] += times
    return found
