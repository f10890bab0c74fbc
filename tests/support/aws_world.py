"""A `World` whose records lie in DynamoDB (moto); queues, bus and blobs are the embedded ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from shared.adapters.aws.clients import AwsClients
from shared.adapters.aws.dynamo_delivery_store import DynamoDeliveryStore
from shared.adapters.aws.dynamo_job_store import DynamoJobStore
from shared.adapters.aws.dynamo_key_store import DynamoKeyStore
from shared.adapters.aws.dynamo_metrics import DynamoMetricsStore
from shared.adapters.aws.dynamo_rate_limiter import DynamoRateLimiter
from tests.support.aws_contracts import AwsAdapters
from tests.support.dynamo import LaggingIndexes
from tests.support.world import World, open_world


@dataclass(kw_only=True)
class DynamoWorld(World):
    """`aws` is what the table is read past the ports with; `indexes` lag until they catch up."""

    aws: AwsAdapters
    indexes: LaggingIndexes | None


@contextmanager
def open_dynamo_world(
    data_dir: Path, *, lagging: bool = False, **settings: Any
) -> Iterator[DynamoWorld]:
    """A world on a table of its own."""
    aws = AwsAdapters()
    try:
        with open_world(data_dir, **settings) as local:
            indexes = LaggingIndexes(aws) if lagging else None
            clients = cast("AwsClients", indexes) if indexes else aws.clients
            platform = replace(
                local.deployment.platform,
                jobs=DynamoJobStore(clients, table=aws.name),
                deliveries=DynamoDeliveryStore(clients, table=aws.name),
                keys=DynamoKeyStore(clients, table=aws.name),
                metrics=DynamoMetricsStore(clients, table=aws.name),
                limiter=DynamoRateLimiter(clients, table=aws.name),
            )
            yield DynamoWorld(
                deployment=replace(local.deployment, platform=platform),
                clock=local.clock,
                launcher=local.launcher,
                data_dir=data_dir,
                aws=aws,
                indexes=indexes,
            )
    finally:
        aws.close()
