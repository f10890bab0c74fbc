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
from uuid import uuid4

from standardwebhooks import Webhook

from shared.adapters.aws.clients import AwsClients
from shared.adapters.aws.table_schema import create_table_request
from shared.domain.events import EventType
from shared.domain.job import Job, WebhookTarget
from shared.domain.messages import JobEvent, JobQueued, encode
from shared.ports.platform import Platform
from shared.services.cancel_job import cancel_job
from shared.services.claim_job import claim_job
from shared.services.manage_keys import create_key
from shared.services.manage_webhooks import signing_secrets
from shared.services.submission import Submission, UrlAudio
from shared.services.submit_job import submit_job
from shared.services.work_on_job import complete_job
from shared.settings import Settings
from shared.wiring.aws import open_aws
from tamlil.receiver import ReceivedWebhook, WebhookReceiver
from tests.support.aws_contracts import aws_environment
from tests.support.aws_parts import make_bucket, make_bus, make_queue
from tests.support.batch import DEFINITION, QUEUE, definition
from tests.support.fake_batch import FakeBatch, fake_batch
from tests.support.functions_aws import documented, job_event_body, sqs_event
from tests.support.moto_server import moto_server
from tests.support.world import make_transcript

_TENANT = "acme"


@dataclass(frozen=True, kw_only=True)
class AwsStage:
    """`environment` is what each function gets; `platform` looks at the same parts from here.

    Table, bucket and bus are named `name`.
    """

    name: str
    environment: dict[str, str]
    platform: Platform
    clients: AwsClients
    batch: FakeBatch
    receiver: WebhookReceiver
    token: str

    def job(self, *, webhook: bool = False) -> Job:
        """A new pending job."""
        target = WebhookTarget(url=self.receiver.url) if webhook else None
        audio = UrlAudio(url="https://example.com/recordings/42.mp3")
        asked = Submission(tenant=_TENANT, audio=audio, webhook=target)
        return submit_job(self.platform, asked).job

    def completed(self, *, webhook: bool = True) -> Job:
        """A new job with its transcript; no event of it has reached a function."""
        return self.complete(self.job(webhook=webhook))

    def complete(self, job: Job) -> Job:
        """Do a worker's part of a pending job."""
        held = claim_job(self.platform, job.id, worker="staged", execution="staged#1")
        assert held is not None
        return complete_job(self.platform, held, make_transcript())

    def request(self, name: str, *, path: str | None = None) -> dict[str, Any]:
        """A request of ``tests/events/api`` with the key, to another path if one is given."""
        event = documented(f"api/{name}")
        event["headers"]["x-api-key"] = self.token
        if path is not None:
            event["rawPath"] = event["requestContext"]["http"]["path"] = path
        return event

    def get(self, path: str) -> dict[str, Any]:
        """The event of a GET with the key."""
        return self.request("get_health", path=path)

    def submit(self) -> dict[str, Any]:
        """The POST of a URL, with the key."""
        return self.request("submit_url")

    def verified(self, webhook: ReceivedWebhook) -> dict[str, Any]:
        """What a webhook says, after an independent library has checked who sent it.

        Raises:
            WebhookVerificationError: it was not signed with the tenant's secret.
        """
        (secret,) = signing_secrets(self.platform, _TENANT)
        return dict(Webhook(secret).verify(webhook.body, webhook.headers))

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
        event = documented("intake/dropped")
        key = f"tenants/{_TENANT}/inbox/{name}.mp3"
        put = self.clients.s3.put_object(Bucket=self.name, Key=key, Body=b"ID3" * 100)
        found = {"key": key, "size": 300, "version-id": put["VersionId"], "etag": put["ETag"]}
        detail = event["detail"]
        detail |= {"bucket": {"name": self.name}, "object": detail["object"] | found}
        return event


@contextmanager
def aws_stage(folder: Path) -> Iterator[AwsStage]:
    """Make the parts; containers of Batch sleep, so that their worker counts as busy."""
    name = f"staged-{uuid4().hex[:8]}"
    with ExitStack() as stack:
        receiver = stack.enter_context(WebhookReceiver())
        sleeping = (sys.executable, "-c", "import time; time.sleep(600)")
        batch = stack.enter_context(fake_batch(folder / "batch", program=sleeping))
        batch.register(definition())
        environment = aws_environment(moto_server().url) | {
            "AWS_ENDPOINT_URL_BATCH": batch.url,
            "TAMLIL_PLATFORM": "aws",
            "TAMLIL_ALLOW_LOOPBACK_URLS": "true",
            "TAMLIL_AWS_TABLE": name,
            "TAMLIL_AWS_BUCKET": name,
            "TAMLIL_AWS_EVENT_BUS": name,
            "TAMLIL_AWS_SECRET_PREFIX": name,
            "TAMLIL_AWS_BATCH_QUEUE": QUEUE,
            "TAMLIL_AWS_BATCH_DEFINITION": DEFINITION,
        }
        stack.enter_context(patch.dict(os.environ, environment))
        clients = AwsClients()
        environment |= _make(clients, name)
        stack.enter_context(patch.dict(os.environ, environment))
        platform = open_aws(Settings())
        token = create_key(platform, tenant=_TENANT).token
        yield AwsStage(
            name=name,
            environment=environment,
            platform=platform,
            clients=clients,
            batch=batch,
            receiver=receiver,
            token=token,
        )


def _make(clients: AwsClients, name: str) -> dict[str, str]:
    """Table, bucket, queues and bus; returns the variables that name the queues."""
    make_bucket(clients, name)
    clients.dynamodb.create_table(**create_table_request(name))
    jobs, webhooks = f"{name}-jobs", f"{name}-webhooks"
    for queue in (jobs, webhooks):
        make_queue(clients, queue)
    make_bus(clients, name, [webhooks])
    urls = {
        "QUEUE_URL": jobs,
        "DEAD_LETTER_URL": f"{jobs}-dead",
        "WEBHOOK_QUEUE_URL": webhooks,
        "WEBHOOK_DEAD_LETTER_URL": f"{webhooks}-dead",
    }
    return {
        f"TAMLIL_AWS_{variable}": clients.sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        for variable, queue in urls.items()
    }


def body_of(answer: Any) -> Any:
    """The JSON body of the API's answer."""
    return json.loads(answer["body"])
