"""Each bundle in the real runtime client; beside it only what the Lambda runtime has."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import WebhookVerificationError

from shared.domain.deliveries import DeliveryStatus
from shared.domain.events import EventType
from shared.domain.job import Job
from shared.domain.messages import JobEvent
from shared.services.record_event import record_event
from tamlil.receiver import ReceivedWebhook
from tests.support.aws_stage import AwsStage
from tests.support.bundle_runs import Run
from tests.support.bundles import Bundles
from tests.support.functions_aws import documented, documented_names, failed_ids
from tests.support.lambda_process import LambdaProcess

pytestmark = pytest.mark.slow

#: Who is meant in the events of jobs; nobody here has such a job.
SOMEBODYS = "job_01jz0000000000000000000001"


def of_job(event: Any, job: Job) -> Any:
    """The event as it would be for this job."""
    return json.loads(json.dumps(event).replace(SOMEBODYS, job.id))


def received(stage: AwsStage) -> ReceivedWebhook:
    webhook = stage.receiver.wait(10)
    assert webhook is not None
    return webhook


def test_an_object_in_the_inbox_becomes_a_job_and_documented_events_are_taken(
    run: Run, stage: AwsStage
) -> None:
    events = [documented(name) for name in documented_names("intake")]
    answers = run("intake", stage.dropped("call"), *events)
    assert [answer.failed for answer in answers] == [False] * len(answers)
    assert "job_" in run.log("intake")


def test_a_queued_job_gets_a_worker_and_a_poison_message_alone_is_given_back(
    run: Run, stage: AwsStage
) -> None:
    asked_before = stage.batch.calls["SubmitJob"]
    job = stage.job()
    started, *others = run(
        "dispatch", stage.queued(job), *(documented(name) for name in documented_names("dispatch"))
    )
    assert started.body == {"batchItemFailures": []}
    assert stage.batch.calls["SubmitJob"] == asked_before + 1
    assert [answer.failed for answer in others] == [False] * len(others)
    poison = documented("dispatch/poison")["Records"][1]["messageId"]
    assert [failed_ids(answer.body) for answer in others] == [[], [poison]]


def test_the_end_of_a_job_reaches_its_receiver_signed(run: Run, stage: AwsStage) -> None:
    job = stage.completed()
    (answer,) = run("webhook", of_job(documented("webhook/job_completed"), job))
    assert (answer.failed, answer.body) == (False, {"batchItemFailures": []})
    webhook = received(stage)
    told = stage.verified(webhook)
    assert (told["type"], told["data"]["job_id"]) == ("transcription.completed", job.id)
    with pytest.raises(WebhookVerificationError):
        stage.verified(replace(webhook, body=webhook.body + b" "))


def test_a_due_delivery_is_sent_once_and_a_poison_message_alone_is_given_back(
    run: Run, stage: AwsStage
) -> None:
    """Every documented event, as for a job whose delivery was recorded and not sent yet."""
    job = stage.completed()
    due = record_event(stage.platform, completion_of(stage, job))
    assert due is not None
    assert due.status is DeliveryStatus.PENDING
    asked = [name for name in documented_names("webhook") if name != "webhook/delivery_due"]
    answers = run(
        "webhook",
        *(of_job(documented(name), job) for name in ("webhook/delivery_due", *asked)),
    )
    assert [answer.failed for answer in answers] == [False] * len(answers)
    poison = documented("webhook/mixed_with_poison")["Records"][2]["messageId"]
    given_back = [failed_ids(answer.body) for answer in answers]
    assert given_back == [[poison] if "poison" in name else [] for name in ("", *asked)]
    assert stage.verified(received(stage))["data"]["job_id"] == job.id
    assert stage.receiver.wait(0.5) is None, "the event that came later was told already"
    assert stage.platform.deliveries.get(due.id).status is DeliveryStatus.DELIVERED


def completion_of(stage: AwsStage, job: Job) -> JobEvent:
    return JobEvent(
        event_id=f"{job.id}_completed",
        type=EventType.TRANSCRIPTION_COMPLETED,
        job_id=job.id,
        tenant=job.tenant,
        occurred_at=stage.platform.clock.now(),
    )


def test_the_sweep_takes_every_documented_event(run: Run) -> None:
    answers = run("sweep", *(documented(name) for name in documented_names("sweep")))
    assert [answer.failed for answer in answers] == [False] * len(answers)


def test_a_function_without_its_settings_says_which_are_missing(
    bundles: Bundles, tmp_path: Path
) -> None:
    process = LambdaProcess(
        bundle=bundles.function("SweepFunction"),
        handler="functions.sweep.app.handler",
        runtime=bundles.runtime(),
        env={"AWS_REGION": "eu-central-1"},
        log=tmp_path / "sweep.log",
    )
    with process:
        answer = process.invoke(documented("sweep/schedule"))
    assert answer.failed
    assert "TAMLIL_AWS_TABLE" in json.dumps(answer.body)
