"""Sees what is published on an event bus, by a rule and a queue of the test's own."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.aws.support.stack import Stack


@dataclass
class Watch:
    """`seen` holds the events in EventBridge's envelope, in the order of arrival."""

    stack: Stack
    queue: str
    seen: list[dict[str, Any]] = field(default_factory=list)

    def look(self) -> list[dict[str, Any]]:
        """All that has come so far."""
        sqs = self.stack.cloud.client("sqs")
        while True:
            answer = sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10)
            if not answer.get("Messages"):
                return self.seen
            for message in answer["Messages"]:
                self.seen.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])

    def of(self, job_id: str) -> list[dict[str, Any]]:
        """Those of one job."""
        return [event for event in self.look() if event["detail"].get("job_id") == job_id]


@contextmanager
def watch(stack: Stack, bus: str, pattern: Mapping[str, Any]) -> Iterator[Watch]:
    """Collect what matches `pattern` on a bus while the block lasts."""
    sqs, events = stack.cloud.client("sqs"), stack.cloud.client("events")
    name = f"watch-{uuid.uuid4().hex[:8]}"
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    asked = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    target = {"Id": "watch", "Arn": asked["Attributes"]["QueueArn"]}
    events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, EventBusName=bus, Targets=[target])
    try:
        yield Watch(stack=stack, queue=queue)
    finally:
        events.remove_targets(Rule=name, EventBusName=bus, Ids=["watch"])
        events.delete_rule(Name=name, EventBusName=bus)
        sqs.delete_queue(QueueUrl=queue)
