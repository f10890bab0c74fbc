"""Puts the platform on AWS together: DynamoDB, S3, SQS, Batch, EventBridge, Secrets Manager.

Beside `shared.wiring`, which chooses a platform by settings read with pydantic: a function that
starts for each event comes here with settings of its own, and its bundle holds no pydantic.
"""

from __future__ import annotations

from shared.adapters.aws.batch_launcher import BatchLauncher
from shared.adapters.aws.clients import AwsClients
from shared.adapters.aws.dynamo_delivery_store import DynamoDeliveryStore
from shared.adapters.aws.dynamo_job_store import DynamoJobStore
from shared.adapters.aws.dynamo_key_store import DynamoKeyStore
from shared.adapters.aws.dynamo_metrics import DynamoMetricsStore
from shared.adapters.aws.dynamo_rate_limiter import DynamoRateLimiter
from shared.adapters.aws.event_bridge_event_bus import EventBridgeEventBus
from shared.adapters.aws.s3_blob_store import S3BlobStore
from shared.adapters.aws.s3_storage_reader import S3StorageReader
from shared.adapters.aws.secrets_manager_store import SecretsManagerStore
from shared.adapters.aws.sqs_job_queue import SqsJobQueue
from shared.adapters.kept_secrets import KeptSecrets
from shared.adapters.system_clock import SystemClock, UlidSource
from shared.aws_names import AwsNames
from shared.domain.lifecycle import Timing
from shared.ports.platform import Limits, Platform, WebhookConfig


def build_aws(
    names: AwsNames,
    *,
    timing: Timing,
    limits: Limits,
    webhooks: WebhookConfig,
    clients: AwsClients | None = None,
) -> Platform:
    """The adapters over one set of clients; none is connected before it is used."""
    clients, clock = clients or AwsClients(), SystemClock()
    secrets = SecretsManagerStore(clients, prefix=names.secret_prefix, kms_key=names.kms_key)
    return Platform(
        jobs=DynamoJobStore(clients, table=names.table),
        deliveries=DynamoDeliveryStore(clients, table=names.table),
        blobs=S3BlobStore(clients, bucket=names.bucket, kms_key=names.kms_key),
        queue=_queue(clients, names.queue_url, names.dead_letter_url),
        events=EventBridgeEventBus(clients, bus=names.event_bus),
        launcher=BatchLauncher(
            clients,
            queue=names.batch_queue,
            definition=names.batch_definition,
            deployment=names.deployment,
        ),
        limiter=DynamoRateLimiter(clients, table=names.table),
        keys=DynamoKeyStore(clients, table=names.table),
        secrets=secrets,
        kept_secrets=KeptSecrets(secrets, clock=clock),
        metrics=DynamoMetricsStore(clients, table=names.table),
        clock=clock,
        ids=UlidSource(),
        webhook_queue=_queue(clients, names.webhook_queue_url, names.webhook_dead_letter_url),
        storage=S3StorageReader(
            clients,
            bucket=names.bucket,
            read_buckets=names.read_buckets,
            read_prefix=names.read_prefix,
        ),
        timing=timing,
        limits=limits,
        webhooks=webhooks,
    )


def _queue(clients: AwsClients, url: str, dead_letter_url: str) -> SqsJobQueue:
    return SqsJobQueue(clients, queue_url=url, dead_letter_url=dead_letter_url)
