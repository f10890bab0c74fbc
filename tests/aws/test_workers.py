"""Workers on Batch under the deployed stack: cancelled, killed, lost with their host."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import Any

from shared.adapters.documents import load
from shared.domain.job import Job
from tamlil.receiver import WebhookReceiver
from tests.aws.support.client import Tenant
from tests.aws.support.queues import total
from tests.aws.support.sounds import Sounds
from tests.aws.support.stack import Stack
from tests.support.fake_batch_jobs import BatchJob
from tests.support.file_server import FileServer
from tests.support.waiting import wait_for

#: Recordings long enough to be in the middle of them.
_TIMES = 5
#: Of the rest of a lease, until a worker's death must have been noticed: a lease is a minute.
_SOON = 1 / 3


def test_cancelling_stops_the_process_and_stays(
    stack: Stack, tenant: Tenant, audio: FileServer, sounds: Sounds
) -> None:
    audio.files["/long.wav"] = sounds.long(_TIMES)
    with WebhookReceiver() as receiver:
        job_id = tenant.submit(f"{audio.url}/long.wav", webhook_url=receiver.url)
        wait_for(lambda: tenant.job(job_id)["stage"] == "transcribing")
        worker = _worker(stack)
        process = worker.process
        assert process is not None
        assert tenant.http.delete(f"/api/v1/jobs/{job_id}").status_code in (200, 202)
        assert tenant.job(job_id)["status"] == "cancelled"
        wait_for(lambda: process.poll() is not None, seconds=30)
        assert stack.batch.wait(worker.id).status == "FAILED", "Batch calls what it stopped so"
        time.sleep(3)
        assert tenant.job(job_id)["status"] == "cancelled"
        webhook = receiver.wait(30)
        assert webhook is not None
        assert tenant.verify(webhook)["type"] == "transcription.cancelled"


def test_a_job_whose_host_is_lost_is_tried_again_by_batch_and_goes_on_from_what_was_saved(
    stack: Stack, tenant: Tenant, audio: FileServer, sounds: Sounds
) -> None:
    audio.files["/long.wav"] = sounds.long(_TIMES)
    job_id = tenant.submit(f"{audio.url}/long.wav")
    done = wait_for(lambda: _parts(stack, tenant, job_id, attempt=1))
    worker = _worker(stack)
    worker.lose_host()
    again = wait_for(lambda: _parts(stack, tenant, job_id, attempt=2))
    assert worker.attempts[0]["statusReason"].startswith("Host EC2")
    assert min(again) >= max(done), "nothing that was saved is decoded again"
    job = tenant.completed(job_id, seconds=240)
    assert job["attempt"] == 2
    assert tenant.transcript(job_id)["text"].lower().count("printing") >= _TIMES
    assert len(stack.batch.wait(worker.id).attempts) == 2, "Batch itself tried again"


def test_a_worker_that_dies_without_a_word_is_noticed_long_before_its_lease_is_over(
    stack: Stack, tenant: Tenant, audio: FileServer, sounds: Sounds
) -> None:
    """Its host stands, so Batch does not try again: it only says that the job failed.

    Nobody calls the sweep here but the deployed rule for Batch's events.
    """
    audio.files["/long.wav"] = sounds.long(_TIMES)
    job_id = tenant.submit(f"{audio.url}/long.wav")
    wait_for(lambda: _parts(stack, tenant, job_id, attempt=1))
    worker = _worker(stack)
    assert worker.process is not None
    lost = total(stack.metrics("SweepLogs"), "WorkersLost")
    os.killpg(worker.process.pid, signal.SIGKILL)
    killed, lease_ends = time.time(), _lease_ends(stack, job_id)
    wait_for(lambda: _is_free(tenant.job(job_id)), seconds=(lease_ends - killed) * _SOON)
    wait_for(lambda: tenant.job(job_id)["attempt"] == 2)
    assert time.time() < lease_ends, "in work again before the lease would have run out"
    ended = stack.batch.wait(worker.id)
    assert (ended.status, ended.status_reason) == ("FAILED", "Essential container in task exited")
    assert [it["container"]["exitCode"] for it in ended.attempts] == [128 + signal.SIGKILL]
    assert total(stack.metrics("SweepLogs"), "WorkersLost") == lost + 1
    assert tenant.completed(job_id, seconds=240)["attempt"] == 2
    assert tenant.transcript(job_id)["text"].lower().count("printing") >= _TIMES


def _is_free(job: dict[str, Any]) -> bool:
    return bool(job["status"] == "pending" or job["attempt"] > 1)


def _lease_ends(stack: Stack, job_id: str) -> float:
    """When the job would be taken from its worker (Unix seconds): the API does not tell."""
    item = stack.cloud.client("dynamodb").get_item(
        TableName=stack.deployed.names["Table"],
        Key={"pk": {"S": f"job#{job_id}"}, "sk": {"S": "job"}},
        ConsistentRead=True,
    )["Item"]
    ends = load(Job, item["document"]["S"]).lease_expires_at
    assert ends is not None, "no worker holds it"
    return ends


def _worker(stack: Stack) -> BatchJob:
    (worker,) = wait_for(stack.batch.running, seconds=30)
    return worker


def _parts(stack: Stack, tenant: Tenant, job_id: str, *, attempt: int) -> list[float]:
    """Seconds at which the segments that an attempt has saved begin."""
    s3, bucket = stack.cloud.client("s3"), stack.deployed.names["Bucket"]
    prefix = f"tenants/{tenant.name}/jobs/{job_id}/attempt-{attempt}/parts/0"
    found: list[float] = []
    for item in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", []):
        part: Any = json.loads(s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read())
        segments = part["segments"] if isinstance(part, dict) else part
        found += [segment["start"] for segment in segments]
    return found
