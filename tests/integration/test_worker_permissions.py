"""The worker's role in iac/aws/batch.yaml against the calls that a worker makes of AWS.

moto answers them and enforces no policy; here each call's permissions are looked up in the role's.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gpu_job.exit_codes import ExitCode
from gpu_job.pipeline import TranscriptionPipeline
from gpu_job.steps.take_source import make_source_taker
from shared.adapters.aws.clients import AwsClients
from shared.adapters.aws.dynamo_job_store import DynamoJobStore
from shared.adapters.aws.dynamo_metrics import DynamoMetricsStore
from shared.adapters.aws.event_bridge_event_bus import EventBridgeEventBus
from shared.adapters.aws.s3_blob_store import S3BlobStore
from shared.adapters.aws.sqs_job_queue import SqsJobQueue
from shared.adapters.system_clock import SystemClock, UlidSource
from shared.domain.errors import WorkerError
from shared.domain.job import Status
from shared.domain.lifecycle import Timing
from shared.ports.platform import Platform
from tests.support.aws_contracts import AwsAdapters
from tests.support.cloudformation import PSEUDO, Stack, load_template
from tests.support.permissions import Need, Recorder, allows
from tests.support.platform import RecordingLauncher, make_settings
from tests.support.resumable import ResumableEngines
from tests.support.workers import make_worker, running, submit, wait_until

TEMPLATE = Path(__file__).parents[2] / "iac" / "aws" / "batch.yaml"
ACCOUNT = PSEUDO["AWS::AccountId"]


@pytest.fixture
def adapters() -> Iterator[AwsAdapters]:
    made = AwsAdapters()
    made.clients.events.create_event_bus(Name=made.name)
    made.job_queue()
    yield made
    made.close()


def platform(adapters: AwsAdapters, clients: AwsClients) -> Platform:
    """A whole platform on moto, whose worker's part goes through these clients."""
    url = queue_url(adapters)
    return Platform(
        jobs=DynamoJobStore(clients, table=adapters.name),
        deliveries=adapters.delivery_store(),
        blobs=S3BlobStore(clients, bucket=adapters.name),
        queue=SqsJobQueue(clients, queue_url=url, dead_letter_url=url),
        events=EventBridgeEventBus(clients, bus=adapters.name),
        launcher=RecordingLauncher(),
        limiter=adapters.rate_limiter(),
        keys=adapters.key_store(),
        secrets=adapters.secret_store(),
        metrics=DynamoMetricsStore(clients, table=adapters.name),
        clock=SystemClock(),
        ids=UlidSource(),
        timing=Timing(retry_backoff_seconds=0.05),
    )


def queue_url(adapters: AwsAdapters) -> str:
    return adapters.clients.sqs.get_queue_url(QueueName=f"{adapters.name}-jobs")["QueueUrl"]


def pipeline_of(there: Platform, fake: ResumableEngines) -> TranscriptionPipeline:
    settings = make_settings(Path("unused"))
    return TranscriptionPipeline(
        take_source=make_source_taker(settings, there.blobs),
        engines=fake.engines(),
        models=settings.model_policy,
        max_seconds=100.0,
    )


def work(there: Platform, jobs: Platform) -> None:
    """Whatever a worker does: fail and go on, complete, give a job back, fail for good."""
    fake = ResumableEngines()
    failed: list[int] = []

    def fail_once(first: int) -> None:
        if first >= 4 and not failed:
            failed.append(first)
            wait_until(lambda: (s := jobs.jobs.get(job.id).saved) is not None and s.done >= 2)
            raise WorkerError("the engine broke", code="engine_failed")

    fake.before_batch = fail_once
    job = submit(jobs, diarize=True)
    while jobs.jobs.get(job.id).status is not Status.COMPLETED:
        make_worker(there, pipeline_of(there, fake), idle=0.5).run(job.id)
    assert jobs.jobs.get(job.id).attempt == 2

    given_back = submit(jobs)
    slow = ResumableEngines(before_batch=lambda _first: wait_until(stopping.is_set, seconds=20))
    worker = make_worker(there, pipeline_of(there, slow))
    stopping = worker._ending
    with running(worker, given_back.id):
        wait_until(lambda: jobs.jobs.get(given_back.id).status is Status.PROCESSING)
        worker.terminate(ExitCode.TERMINATED)
    assert jobs.jobs.get(given_back.id).status is Status.PENDING


def statements(adapters: AwsAdapters) -> list[dict[str, Any]]:
    """The role as the template makes it for moto's parts."""
    given = {
        "TableName": adapters.name,
        "BucketName": adapters.name,
        "EventBusName": adapters.name,
        "JobsQueueUrl": queue_url(adapters),
        "JobsQueueArn": f"arn:aws:sqs:{PSEUDO['AWS::Region']}:{ACCOUNT}:{adapters.name}-jobs",
        "DeadLetterQueueUrl": "x",
        "WebhookQueueUrl": "x",
        "WebhookDeadLetterQueueUrl": "x",
    }
    role = Stack(template=load_template(TEMPLATE), given=given).properties("JobRole")
    (policy,) = role["Policies"]
    found: list[dict[str, Any]] = policy["PolicyDocument"]["Statement"]
    return found


def test_a_workers_role_allows_each_call_that_a_worker_makes_and_hardly_more(
    adapters: AwsAdapters,
) -> None:
    jobs = platform(adapters, adapters.clients)
    clients = AwsClients(max_attempts=1)
    recorder = Recorder(clients=clients, account=ACCOUNT, region=PSEUDO["AWS::Region"])
    work(platform(adapters, clients), jobs)
    allowed = statements(adapters)
    assert [need for need in recorder.needs if not allows(allowed, need)] == []
    used = {need.action for need in recorder.needs}
    granted = {
        action
        for statement in allowed
        if statement["Effect"] == "Allow"
        for action in (
            [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
        )
    }
    # Long transcripts are sent in parts; a role that may not list is told 403, not 404; audio is
    # read as the version that the job took.
    rare = {"s3:AbortMultipartUpload", "s3:ListBucket", "s3:GetObject", "s3:GetObjectVersion"}
    assert granted - used <= rare | {"s3:DeleteObject"}
    assert {"dynamodb:Query", "dynamodb:UpdateItem", "events:PutEvents", "sqs:SendMessage"} <= used
    for client in clients._made.values():
        client.close()


def test_a_worker_may_neither_see_nor_make_an_api_key(adapters: AwsAdapters) -> None:
    allowed = statements(adapters)
    table = f"arn:aws:dynamodb:{PSEUDO['AWS::Region']}:{ACCOUNT}:table/{adapters.name}"
    for action in ("GetItem", "PutItem", "UpdateItem", "DeleteItem", "BatchGetItem"):
        need = Need(action=f"dynamodb:{action}", resource=table, keys=("key#admin",))
        assert not allows(allowed, need)
    listing = Need(action="dynamodb:Query", resource=f"{table}/index/group", keys=("key",))
    assert not allows(allowed, listing)
    assert allows(allowed, Need(action="dynamodb:GetItem", resource=table, keys=("job#1",)))
