"""The adapters on AWS, against moto and a fake Batch; see there for what they don't model."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import uuid4

from shared.adapters.aws.clients import AwsClients
from shared.adapters.aws.dynamo_delivery_store import DynamoDeliveryStore
from shared.adapters.aws.dynamo_job_store import DynamoJobStore
from shared.adapters.aws.dynamo_key_store import DynamoKeyStore
from shared.adapters.aws.dynamo_metrics import DynamoMetricsStore
from shared.adapters.aws.dynamo_rate_limiter import DynamoRateLimiter
from shared.adapters.aws.event_bridge_event_bus import EventBridgeEventBus
from shared.adapters.aws.s3_blob_store import S3BlobStore
from shared.adapters.aws.secrets_manager_store import SecretsManagerStore
from shared.adapters.aws.table_schema import create_table_request
from shared.ports.blob_store import BlobStore
from shared.ports.delivery_store import DeliveryStore
from shared.ports.event_bus import EventBus
from shared.ports.job_queue import JobQueue
from shared.ports.job_store import JobStore
from shared.ports.key_store import KeyStore
from shared.ports.launcher import Launcher
from shared.ports.metrics import MetricsStore
from shared.ports.rate_limiter import RateLimiter
from shared.ports.secret_store import SecretStore
from tests.support.aws_parts import make_bucket, make_bus, make_queue
from tests.support.batch import batch_for_program, make_launcher
from tests.support.contracts import Adapters
from tests.support.fake_batch import FakeBatch
from tests.support.moto_server import moto_server
from tests.support.moto_sqs import sqs_clock

REGION = "eu-central-1"


def aws_environment(endpoint: str) -> dict[str, str]:
    """What the SDK reads, so that nothing of this machine's own configuration is."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


class AwsAdapters:
    """Every part is named after `name`, so that tests don't see each other's.

    Made without arguments it makes its parts; with those of a description it opens them. Nothing
    is tried twice: moto does not throttle, and one that is away stays so.
    """

    def __init__(self, endpoint: str | None = None, name: str | None = None) -> None:
        self.endpoint = endpoint or moto_server().url
        self.name = name or f"t-{uuid4().hex[:12]}"
        self._environment = patch.dict(os.environ, aws_environment(self.endpoint))
        self._environment.start()
        self._opened = ExitStack()
        self._batch: FakeBatch | None = None
        self.clients = AwsClients(max_attempts=1)
        self._mine = name is None
        if self._mine:
            self._make()

    def _make(self) -> None:
        """Whatever must be there before an adapter is used."""
        sqs_clock()
        make_bucket(self.clients, self.name)
        self.clients.dynamodb.create_table(**create_table_request(self.name))

    def now(self) -> float:
        return time.time()

    def pass_time(self, seconds: float) -> None:
        sqs_clock().seconds += seconds

    def description(self) -> AwsDescription:
        return AwsDescription(endpoint=self.endpoint, name=self.name)

    def close(self) -> None:
        if self._mine:
            moto_server().away = False
        self._opened.close()
        for client in self.clients._made.values():
            client.close()
        self._environment.stop()

    def fail(self) -> None:
        moto_server().away = True

    def damage(self, record_id: str) -> None:
        table = self.clients.dynamodb
        for kind in ("job", "delivery", "key"):
            key: Any = {"pk": {"S": f"{kind}#{record_id}"}, "sk": {"S": kind}}
            item: Any = table.get_item(TableName=self.name, Key=key).get("Item")
            if item is not None:
                table.put_item(TableName=self.name, Item=item | {"document": {"S": "{"}})

    def job_store(self) -> JobStore:
        return DynamoJobStore(self.clients, table=self.name)

    def job_queue(self, name: str = "jobs", *, max_receives: int = 5) -> JobQueue:
        return make_queue(self.clients, f"{self.name}-{name}", max_receives=max_receives)

    def blob_store(self) -> BlobStore:
        return S3BlobStore(self.clients, bucket=self.name)

    def delivery_store(self) -> DeliveryStore:
        return DynamoDeliveryStore(self.clients, table=self.name)

    def key_store(self) -> KeyStore:
        return DynamoKeyStore(self.clients, table=self.name)

    def secret_store(self) -> SecretStore:
        return SecretsManagerStore(self.clients, prefix=self.name)

    def metrics_store(self) -> MetricsStore:
        return DynamoMetricsStore(self.clients, table=self.name)

    def rate_limiter(self) -> RateLimiter:
        return DynamoRateLimiter(self.clients, table=self.name)

    def event_bus(self) -> tuple[EventBus, Sequence[JobQueue]]:
        queues = [self.job_queue(name) for name in ("webhook", "enhance")]
        make_bus(self.clients, self.name, [f"{self.name}-webhook", f"{self.name}-enhance"])
        return EventBridgeEventBus(self.clients, bus=self.name), queues

    def launcher(self, program: Path, *, grace_seconds: float = 5.0) -> Launcher:
        if self._batch is None:
            self._batch = self._opened.enter_context(
                batch_for_program(program, stop_seconds=grace_seconds)
            )
            os.environ["AWS_ENDPOINT_URL_BATCH"] = self._batch.url
        return make_launcher(listing_seconds=0.05, listing_lag_seconds=0.5)


@dataclass(frozen=True)
class AwsDescription:
    """Where moto listens, and what the parts are named after."""

    endpoint: str
    name: str

    def open(self) -> Adapters:
        return AwsAdapters(self.endpoint, self.name)
