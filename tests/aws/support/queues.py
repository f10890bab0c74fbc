"""The deployed queues, from an operator's side."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.aws.support.stack import Stack

#: The deployed queues give a message back after three minutes; no test waits for that.
_SOON = "2"


@contextmanager
def impatient(stack: Stack, *queues: str) -> Iterator[None]:
    """Have these queues (logical ids) give back what failed after seconds."""
    sqs = stack.cloud.client("sqs")
    before = {}
    for queue in queues:
        url = stack.deployed.names[queue]
        asked = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])
        before[url] = asked["Attributes"]["VisibilityTimeout"]
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": _SOON})
    try:
        yield
    finally:
        for url, seconds in before.items():
            sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": seconds})


@contextmanager
def held_back(stack: Stack, mapping: str) -> Iterator[None]:
    """Let messages gather: the event source mapping (logical id) takes none within the block."""
    functions, uuid = stack.cloud.client("lambda"), stack.deployed.names[mapping]
    functions.update_event_source_mapping(UUID=uuid, Enabled=False)
    try:
        yield
    finally:
        functions.update_event_source_mapping(UUID=uuid, Enabled=True)


def last_result(stack: Stack, mapping: str) -> str:
    """What became of the last batch, as ministack tells it."""
    found = stack.cloud.client("lambda").get_event_source_mapping(
        UUID=stack.deployed.names[mapping]
    )
    return str(found["LastProcessingResult"])


def send(stack: Stack, queue: str, *bodies: str) -> None:
    """Send messages at once."""
    entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies)]
    stack.cloud.client("sqs").send_message_batch(
        QueueUrl=stack.deployed.names[queue], Entries=entries
    )


def dead_letters(stack: Stack, queue: str) -> list[str]:
    """Bodies of what lies in a dead-letter queue."""
    sqs, url = stack.cloud.client("sqs"), stack.deployed.names[queue]
    answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
    return [message["Body"] for message in answer.get("Messages", [])]


def tick(stack: Stack) -> None:
    """The schedule's turn, now."""
    event = {"source": "aws.scheduler", "detail-type": "Scheduled Event", "detail": {}}
    answer = stack.cloud.client("lambda").invoke(
        FunctionName=stack.deployed.names["SweepFunction"], Payload=json.dumps(event)
    )
    assert "FunctionError" not in answer, answer["Payload"].read()


def total(metrics: list[dict[str, Any]], name: str, **dimensions: str) -> float:
    """The sum of a metric's values with these dimensions."""
    found = 0.0
    for document in metrics:
        if name in document and dimensions.items() <= document.items():
            value = document[name]
            found += sum(value) if isinstance(value, list) else value
    return found
