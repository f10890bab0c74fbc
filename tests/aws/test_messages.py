"""What duplicated, broken and partly failing messages do to the deployed stack."""

from __future__ import annotations

import json
import time
import uuid

from shared.domain.messages import JobQueued, encode
from tamlil.receiver import WebhookReceiver
from tests.aws.support.client import Tenant
from tests.aws.support.events import put_aws_event
from tests.aws.support.queues import (
    dead_letters,
    held_back,
    impatient,
    last_result,
    send,
    tick,
    total,
)
from tests.aws.support.sounds import Sounds
from tests.aws.support.stack import Stack
from tests.aws.support.watch import watch
from tests.support.file_server import FileServer
from tests.support.waiting import wait_for

#: How long nothing has to happen to be believed.
_QUIET_SECONDS = 4.0


def test_a_poison_message_ends_in_the_dead_letter_queue_and_on_the_metrics(stack: Stack) -> None:
    poison = json.dumps({"nobody": str(uuid.uuid4())})
    failed = total(stack.metrics("DispatchLogs"), "MessagesFailed", queue="jobs")
    with impatient(stack, "JobsQueue"):
        send(stack, "JobsQueue", poison)
        wait_for(lambda: poison in dead_letters(stack, "JobsDeadLetterQueue"), seconds=60)
    now = total(stack.metrics("DispatchLogs"), "MessagesFailed", queue="jobs")
    assert now - failed == 5, "as often as the queue lets a message fail"
    tick(stack)
    assert total(stack.metrics("SweepLogs"), "DeadLetters", queue="jobs") >= 1


def test_a_poison_event_ends_in_the_webhooks_dead_letter_queue(stack: Stack) -> None:
    poison = json.dumps({"source": "tamlil", "detail": {"type": str(uuid.uuid4())}})
    with impatient(stack, "WebhookQueue"):
        send(stack, "WebhookQueue", poison)
        wait_for(lambda: poison in dead_letters(stack, "WebhookDeadLetterQueue"), seconds=60)


def test_of_a_batch_only_what_failed_comes_again(
    stack: Stack, tenant: Tenant, audio: FileServer
) -> None:
    job_id = tenant.submit(f"{audio.url}/short.wav")
    tenant.completed(job_id)
    poison = json.dumps({"nobody": str(uuid.uuid4())})
    before = total(stack.metrics("DispatchLogs"), "Dispatches", outcome="nothing_to_do")
    with impatient(stack, "JobsQueue"):
        with held_back(stack, "DispatchFunctionJobs"):
            send(stack, "JobsQueue", encode(JobQueued(job_id=job_id)), poison)
        together = "OK - 1 records, 1 partial failures"
        wait_for(lambda: last_result(stack, "DispatchFunctionJobs") == together, seconds=30)
        wait_for(lambda: poison in dead_letters(stack, "JobsDeadLetterQueue"), seconds=60)
    after = total(stack.metrics("DispatchLogs"), "Dispatches", outcome="nothing_to_do")
    assert after - before == 1, "what was done is not done again"


def test_the_same_message_again_starts_no_worker(
    stack: Stack, tenant: Tenant, audio: FileServer
) -> None:
    job_id = tenant.submit(f"{audio.url}/short.wav")
    body = encode(JobQueued(job_id=job_id))
    send(stack, "JobsQueue", body, body, body)
    job = tenant.completed(job_id)
    assert job["attempt"] == 1
    send(stack, "JobsQueue", body)
    time.sleep(_QUIET_SECONDS)
    started = [it for it in stack.batch.jobs.values() if job_id in it.name]
    assert len(started) <= 1
    assert tenant.job(job_id) == job


def test_the_same_event_again_sends_no_second_webhook(
    stack: Stack, tenant: Tenant, audio: FileServer
) -> None:
    bus = stack.deployed.names["EventBus"]
    with WebhookReceiver() as receiver, watch(stack, bus, {"source": ["tamlil"]}) as seen:
        job_id = tenant.submit(f"{audio.url}/short.wav", webhook_url=receiver.url)
        tenant.completed(job_id)
        assert receiver.wait(30) is not None
        (event,) = wait_for(lambda: _completions(seen.of(job_id)), seconds=10)
        send(stack, "WebhookQueue", *[json.dumps(event)] * 3)
        assert receiver.wait(_QUIET_SECONDS) is None
        assert [it["status"] for it in tenant.deliveries()] == ["delivered"]


def test_the_same_object_event_again_makes_no_second_job(
    stack: Stack, tenant: Tenant, sounds: Sounds
) -> None:
    bucket = stack.deployed.names["Bucket"]
    with watch(stack, "default", {"source": ["aws.s3"]}) as seen:
        key = f"tenants/{tenant.name}/inbox/a.wav"
        stack.cloud.client("s3").put_object(Bucket=bucket, Key=key, Body=sounds.short)
        (job,) = wait_for(tenant.jobs, seconds=30)
        (event,) = [it for it in seen.look() if it["detail"]["object"]["key"] == key]
        for _ in range(3):
            assert len(put_aws_event(stack.cloud, event)) == 1
        tenant.completed(job["job_id"])
        put_aws_event(stack.cloud, event)
        time.sleep(_QUIET_SECONDS)
        assert [it["job_id"] for it in tenant.jobs()] == [job["job_id"]]


def test_the_same_idempotency_key_is_the_same_job(tenant: Tenant, audio: FileServer) -> None:
    first = tenant.submit(f"{audio.url}/short.wav", key="once")
    assert tenant.submit(f"{audio.url}/short.wav", key="once") == first
    tenant.completed(first)
    assert tenant.submit(f"{audio.url}/short.wav", key="once") == first
    assert len(tenant.jobs()) == 1


def _completions(events: list[dict[str, object]]) -> list[dict[str, object]]:
    return [it for it in events if it["detail-type"] == "transcription.completed"]
