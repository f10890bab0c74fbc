"""What the functions find on AWS, on loopback: moto, a fake Batch, a receiver, and events.

For functions that run as processes of their own. Nothing that arrives in a queue or on the bus
calls a function here: whoever stages a call sends the event.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from bench.receiver import Receiver
from shared.adapters.aws.clients import AwsClients
from shared.adapters.aws.table_schema import create_table_request
from shared.domain.events import EventType
from shared.domain.job import Job, WebhookTarget
from shared.domain.messages import JobEvent, JobQueued, encode
from shared.ports.platform import Platform
from shared.services.cancel_job import cancel_job
from shared.services.manage_keys import create_key
from shared.services.submission import Submission, UrlAudio
from shared.services.submit_job import submit_job
from shared.settings import Settings
from shared.wiring.aws import open_aws
from tests.support.aws_contracts import aws_environment
from tests.support.aws_parts import make_bucket, make_bus, make_queue
from tests.support.batch import DEFINITION, QUEUE, definition
from tests.support.fake_batch import FakeBatch, fake_batch
from tests.support.functions_aws import job_event_body, recorded, sqs_event
from tests.support.moto_server import moto_server

_NAME = "staged"
_TENANT = "acme"


@dataclass(frozen=True, kw_only=True)
class AwsStage:
    """`environment` is what each function gets; `platform` looks at the same parts from here."""

    environment: dict[str, str]
    platform: Platform
    clients: AwsClients
    batch: FakeBatch
    receiver: Receiver
    token: str

    def job(self, *, webhook: bool = False) -> Job:
        """A new pending job."""
        target = WebhookTarget(url=self.receiver.url) if webhook else None
        audio = UrlAudio(url="https://example.com/recordings/42.mp3")
        asked = Submission(tenant=_TENANT, audio=audio, webhook=target)
        return submit_job(self.platform, asked).job

    def get(self, path: str) -> dict[str, Any]:
        """The event of a GET with the key."""
        event = recorded("api/get_health")
        http = {**event["requestContext"]["http"], "path": path}
        return event | {
            "rawPath": path,
            "headers": {**event["headers"], "x-api-key": self.token},
            "requestContext": {**event["requestContext"], "http": http},
        }

    def submit(self) -> dict[str, Any]:
        """The recorded POST of a URL, with the key."""
        event = recorded("api/submit_url")
        return event | {"headers": {**event["headers"], "x-api-key": self.token}}

    def queued(self, job: Job) -> dict[str, Any]:
        """The jobs queue's event for a job."""
        return sqs_event(encode(JobQueued(job_id=job.id)))

    def ended(self) -> dict[str, Any]:
        """The webhook queue's event for a new job that was cancelled; the receiver is told."""
        job = self.job(webhook=True)
        cancel_job(self.platform, tenant=_TENANT, job_id=job.id)
        event = JobEvent(
            event_id=f"{job.id}_cancelled",
            type=EventType.TRANSCRIPTION_CANCELLED,
            job_id=job.id,
            tenant=_TENANT,
            occurred_at=self.platform.clock.now(),
        )
        return sqs_event(job_event_body(event))

    def dropped(self, name: str) -> dict[str, Any]:
        """The bucket's event for an object that was just put into the inbox."""
        event = recorded("intake/dropped")
        key = f"tenants/{_TENANT}/inbox/{name}.mp3"
        put = self.clients.s3.put_object(Bucket=_NAME, Key=key, Body=b"ID3" * 100)
        found = {"key": key, "size": 300, "version-id": put["VersionId"], "etag": put["ETag"]}
        detail = event["detail"]
        detail |= {"bucket": {"name": _NAME}, "object": detail["object"] | found}
        return event


@contextmanager
def aws_stage(folder: Path) -> Iterator[AwsStage]:
    """Make the parts; containers of Batch sleep, so that their worker counts as busy."""
    with ExitStack() as stack:
        receiver = stack.enter_context(Receiver())
        sleeping = (sys.executable, "-c", "import time; time.sleep(600)")
        batch = stack.enter_context(fake_batch(folder / "batch", program=sleeping))
        batch.register(definition())
        environment = aws_environment(moto_server().url) | {
            "AWS_ENDPOINT_URL_BATCH": batch.url,
            "TAMLIL_PLATFORM": "aws",
            "TAMLIL_ALLOW_LOOPBACK_URLS": "true",
            "TAMLIL_AWS_TABLE": _NAME,
            "TAMLIL_AWS_BUCKET": _NAME,
            "TAMLIL_AWS_EVENT_BUS": _NAME,
            "TAMLIL_AWS_BATCH_QUEUE": QUEUE,
            "TAMLIL_AWS_BATCH_DEFINITION": DEFINITION,
        }
        stack.enter_context(patch.dict(os.environ, environment))
        clients = AwsClients()
        environment |= _make(clients)
        stack.enter_context(patch.dict(os.environ, environment))
        platform = open_aws(Settings())
        token = create_key(platform, tenant=_TENANT).token
        yield AwsStage(
            environment=environment,
            platform=platform,
            clients=clients,
            batch=batch,
            receiver=receiver,
            token=token,
        )


def _make(clients: AwsClients) -> dict[str, str]:
    """Table, bucket, queues and bus; returns the variables that name the queues."""
    make_bucket(clients, _NAME)
    clients.dynamodb.create_table(**create_table_request(_NAME))
    for name in ("jobs", "webhooks"):
        make_queue(clients, name)
    make_bus(clients, _NAME, ["webhooks"])
    urls = {
        "QUEUE_URL": "jobs",
        "DEAD_LETTER_URL": "jobs-dead",
        "WEBHOOK_QUEUE_URL": "webhooks",
        "WEBHOOK_DEAD_LETTER_URL": "webhooks-dead",
    }
    return {
        f"TAMLIL_AWS_{name}": clients.sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        for name, queue in urls.items()
    }


def body_of(answer: Any) -> Any:
    """The JSON body of the API's answer."""
    return json.loads(answer["body"])
