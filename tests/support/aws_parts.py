"""Buckets, queues and buses as the template makes them, for the adapters under test."""

from __future__ import annotations

import json
from typing import Any

from shared.adapters.aws.clients import AwsClients
from shared.adapters.aws.event_bridge_event_bus import SOURCE
from shared.adapters.aws.sqs_job_queue import SqsJobQueue


def make_bucket(clients: AwsClients, bucket: str, *, versioned: bool = True) -> None:
    """A bucket in the clients' region."""
    region: Any = clients.s3.meta.region_name
    clients.s3.create_bucket(
        Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": region}
    )
    if versioned:
        clients.s3.put_bucket_versioning(
            Bucket=bucket, VersioningConfiguration={"Status": "Enabled"}
        )


def make_queue(clients: AwsClients, name: str, *, max_receives: int = 5) -> SqsJobQueue:
    """A queue and its dead-letter queue; the same ones again for the same name."""
    dead_url = clients.sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
    policy = {"deadLetterTargetArn": _arn(clients, dead_url), "maxReceiveCount": max_receives}
    url = clients.sqs.create_queue(
        QueueName=name, Attributes={"RedrivePolicy": json.dumps(policy)}
    )["QueueUrl"]
    return SqsJobQueue(clients, queue_url=url, dead_letter_url=dead_url)


def make_bus(clients: AwsClients, bus: str, queue_names: list[str]) -> None:
    """A bus with a rule for all of Tamlil's events; each queue gets their details."""
    clients.events.create_event_bus(Name=bus)
    clients.events.put_rule(
        Name=f"{bus}-all", EventBusName=bus, EventPattern=json.dumps({"source": [SOURCE]})
    )
    clients.events.put_targets(
        Rule=f"{bus}-all",
        EventBusName=bus,
        Targets=[
            {
                "Id": name,
                "Arn": _arn(clients, clients.sqs.get_queue_url(QueueName=name)["QueueUrl"]),
                "InputTransformer": {
                    "InputPathsMap": {"detail": "$.detail"},
                    "InputTemplate": "<detail>",
                },
            }
            for name in queue_names
        ],
    )


def _arn(clients: AwsClients, url: str) -> str:
    answer = clients.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return answer["Attributes"]["QueueArn"]
