"""The platform on AWS: DynamoDB, S3, SQS, EventBridge, Batch, Secrets Manager.

Building it reaches no service: each client is made when an adapter first needs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

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
from shared.adapters.system_clock import SystemClock, UlidSource
from shared.ports.platform import Limits, Platform, WebhookConfig

if TYPE_CHECKING:  # functions read their settings without pydantic
    from shared.aws_names import AwsNames
    from shared.domain.lifecycle import Timing
    from shared.function_settings import FunctionSettings
    from shared.settings import Settings


def open_aws(settings: Settings) -> Platform:
    """For the job program and the command line.

    Raises:
        InvalidRequest: code ``invalid_settings``: a name of the deployment is missing or wrong.
    """
    from pydantic import ValidationError

    from shared.domain.errors import InvalidRequest
    from shared.settings_aws import AwsSettings
    from shared.settings_problems import problems_of
    from shared.wiring.common import limits, timing, webhooks

    try:
        names = AwsSettings().names()
    except ValidationError as exc:
        msg = "settings: " + "; ".join(problems_of(exc))
        raise InvalidRequest(msg, code="invalid_settings") from exc
    return _platform(
        names, timing=timing(settings), limits=limits(settings), webhooks=webhooks(settings)
    )


def open_function(settings: FunctionSettings) -> Platform:
    """For a function."""
    return _platform(
        settings.names,
        timing=settings.timing,
        limits=settings.limits,
        webhooks=settings.webhooks,
    )


def _platform(
    names: AwsNames, *, timing: Timing, limits: Limits, webhooks: WebhookConfig
) -> Platform:
    clients = AwsClients()
    table = names.table
    return Platform(
        jobs=DynamoJobStore(clients, table=table),
        deliveries=DynamoDeliveryStore(clients, table=table),
        blobs=S3BlobStore(clients, bucket=names.bucket, kms_key=names.kms_key),
        queue=SqsJobQueue(
            clients, queue_url=names.queue_url, dead_letter_url=names.dead_letter_url
        ),
        webhook_queue=SqsJobQueue(
            clients,
            queue_url=names.webhook_queue_url,
            dead_letter_url=names.webhook_dead_letter_url,
        ),
        events=EventBridgeEventBus(clients, bus=names.event_bus),
        launcher=BatchLauncher(clients, queue=names.batch_queue, definition=names.batch_definition),
        limiter=DynamoRateLimiter(clients, table=table),
        keys=DynamoKeyStore(clients, table=table),
        secrets=SecretsManagerStore(clients, prefix=names.secret_prefix, kms_key=names.kms_key),
        metrics=DynamoMetricsStore(clients, table=table),
        clock=SystemClock(),
        ids=UlidSource(),
        timing=timing,
        limits=limits,
        webhooks=webhooks,
        storage=S3StorageReader(
            clients,
            bucket=names.bucket,
            read_buckets=names.read_buckets,
            read_prefix=names.read_prefix,
        ),
    )
