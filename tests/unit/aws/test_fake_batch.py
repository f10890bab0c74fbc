"""The fake Batch by the real SDK: what tests of the worker on Batch rest on."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

from tests.support.batch import DEFINITION, QUEUE, batch_running, definition
from tests.support.fake_batch import FakeBatch, Fault
from tests.support.fake_batch_requests import from_template

if TYPE_CHECKING:
    from types_boto3_batch import BatchClient

TELL = "import json, os; print(json.dumps(dict(os.environ)))"
WAIT = "import time; time.sleep(60)"
STUBBORN = (
    f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); {WAIT}"
)
#: Ends well when it is started for the second time.
SECOND = f"import os\nif os.environ['AWS_BATCH_JOB_ATTEMPT'] == '1': {WAIT}"


@pytest.fixture
def events() -> list[dict[str, Any]]:
    return []


@pytest.fixture
def start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, events: list[dict[str, Any]]
) -> Iterator[Any]:
    """Open a Batch whose containers run this code."""
    opened: list[Any] = []

    def open_batch(code: str = "pass", **more: Any) -> FakeBatch:
        manager = batch_running(
            monkeypatch, tmp_path / "logs", code=code, on_event=events.append, **more
        )
        opened.append(manager)
        return manager.__enter__()

    yield open_batch
    for manager in opened:
        manager.__exit__(None, None, None)


def client() -> BatchClient:
    return boto3.client("batch", config=Config(retries={"total_max_attempts": 1}))


def submit(name: str = "job", **more: Any) -> str:
    answer = client().submit_job(jobName=name, jobQueue=QUEUE, jobDefinition=DEFINITION, **more)
    assert answer["jobName"] == name
    return answer["jobId"]


def refusal(call: Any, **request: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        call(**request)
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def statuses(events: list[dict[str, Any]]) -> list[str]:
    return [event["detail"]["status"] for event in events]


def test_a_container_gets_the_definitions_variables_the_submissions_and_batchs_own(
    start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OF_THE_TEST", "1")
    batch = start(
        TELL, environment={"A": "definition", "B": "definition"}, variables={"C": "image"}
    )
    job = submit(containerOverrides={"environment": [{"name": "B", "value": "submission"}]})
    assert batch.wait(job).status == "SUCCEEDED"
    seen = json.loads(batch.log(job))
    assert (seen["A"], seen["B"], seen["C"]) == ("definition", "submission", "image")
    assert (seen["AWS_BATCH_JOB_ID"], seen["AWS_BATCH_JOB_ATTEMPT"]) == (job, "1")
    assert seen["AWS_BATCH_JQ_NAME"] == QUEUE
    assert set(seen) <= {
        "A", "B", "C", "PATH", "HOME", "LC_CTYPE", "AWS_BATCH_JOB_ID", "AWS_BATCH_JOB_ATTEMPT",
        "AWS_BATCH_JQ_NAME", "AWS_BATCH_CE_NAME",
    }  # fmt: skip


def test_paths_of_the_container_lie_where_the_test_says(start: Any, tmp_path: Path) -> None:
    batch = start(
        TELL, environment={"HOME": "/data", "X": "/data/y", "Z": "/database"},
        mounts={"/data": str(tmp_path)},
    )  # fmt: skip
    seen = json.loads(batch.log(batch.wait(submit()).id))
    assert (seen["HOME"], seen["X"]) == (str(tmp_path), f"{tmp_path}/y")
    assert seen["Z"] == "/database"


def test_a_job_goes_through_batchs_states_and_each_is_told(
    start: Any, events: list[dict[str, Any]]
) -> None:
    batch = start()
    job = submit("one")
    batch.wait(job)
    assert statuses(events) == ["RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED"]
    event = events[-1]
    assert (event["source"], event["detail-type"]) == ("aws.batch", "Batch Job State Change")
    assert event["resources"] == [event["detail"]["jobArn"]]
    (attempt,) = event["detail"]["attempts"]
    assert attempt["container"]["exitCode"] == 0
    assert attempt["startedAt"] <= attempt["stoppedAt"]
    assert json.dumps(event)


def test_an_exit_code_fails_the_job_unless_the_definition_retries_it(start: Any) -> None:
    batch = start("raise SystemExit(75)")
    job = batch.wait(submit())
    assert (job.status, len(job.attempts)) == ("FAILED", 1)
    described = client().describe_jobs(jobs=[job.id])["jobs"][0]
    assert described["statusReason"] == "Essential container in task exited"
    assert described["attempts"][0]["container"]["exitCode"] == 75
    rules: Any = {"attempts": 3, "evaluateOnExit": [{"onExitCode": "7*", "action": "retry"}]}
    assert len(batch.wait(submit(retryStrategy=rules)).attempts) == 3
    assert len(batch.wait(submit(retryStrategy={"attempts": 2})).attempts) == 2


def test_a_lost_host_has_the_job_started_again(start: Any, events: list[dict[str, Any]]) -> None:
    batch = start(SECOND)
    job = submit()
    batch.wait(job, "RUNNING").lose_host()
    assert batch.wait(job).status == "SUCCEEDED"
    assert statuses(events)[3:] == ["RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED"]
    (lost,) = events[3]["detail"]["attempts"]
    assert lost["statusReason"].startswith("Host EC2 (instance i-")
    assert "exitCode" not in lost["container"]
    assert len(events[-1]["detail"]["attempts"]) == 2


def test_a_container_that_is_killed_for_memory_is_not_a_lost_host(start: Any) -> None:
    batch = start("import os; os.kill(os.getpid(), 9)")
    job = batch.wait(submit())
    assert (job.status, job.attempts[0]["container"]["exitCode"]) == ("FAILED", 137)


def test_terminate_sends_sigterm_and_the_job_has_failed_for_that_reason(start: Any) -> None:
    batch = start(WAIT)
    job = submit()
    batch.wait(job, "RUNNING")
    client().terminate_job(jobId=job, reason="cancelled")
    assert batch.wait(job).status == "FAILED"
    described = client().describe_jobs(jobs=[job])["jobs"][0]
    assert (described["statusReason"], described["isTerminated"]) == ("cancelled", True)
    assert described["attempts"][0]["container"]["exitCode"] == 128 + signal.SIGTERM
    client().terminate_job(jobId=job, reason="again")
    assert batch.job(job).status_reason == "cancelled"


def test_what_does_not_end_when_asked_is_killed(start: Any) -> None:
    batch = start(STUBBORN, stop_seconds=0.2)
    job = submit()
    batch.wait(job, "RUNNING")
    while not batch.log(job):
        time.sleep(0.01)
    client().terminate_job(jobId=job, reason="cancelled")
    assert batch.wait(job).attempts[0]["container"]["exitCode"] == 137


def test_a_job_waits_as_runnable_for_room_and_can_be_terminated_there(
    start: Any, events: list[dict[str, Any]]
) -> None:
    batch = start(WAIT, slots=1)
    first = submit("first")
    batch.wait(first, "RUNNING")
    second, third = submit("second"), submit("third")
    batch.wait(third, "RUNNABLE")
    client().terminate_job(jobId=third, reason="not needed")
    assert batch.wait(third).attempts == []
    client().terminate_job(jobId=first, reason="over")
    batch.wait(second, "RUNNING")


def test_a_container_that_takes_too_long_is_stopped_and_not_tried_again(start: Any) -> None:
    limits: Any = {"timeout": {"attemptDurationSeconds": 60}, "retryStrategy": {"attempts": 3}}
    batch = start(WAIT, defined=limits, timeout_scale=0.005)
    job = batch.wait(submit())
    assert (job.status, len(job.attempts)) == ("FAILED", 1)
    assert job.status_reason == "Job attempt duration exceeded timeout"


def test_jobs_are_listed_by_state_or_by_a_filter_in_any_state(start: Any) -> None:
    batch = start(WAIT, slots=1)
    running = submit("Tamlil-one-1")
    batch.wait(running, "RUNNING")
    waiting = submit("tamlil-two-1")
    batch.wait(waiting, "RUNNABLE")

    def listed(**request: Any) -> list[str]:
        found = client().list_jobs(jobQueue=QUEUE, **request)["jobSummaryList"]
        return [job["jobId"] for job in found]

    assert listed() == [running], "RUNNING, if nothing is said"
    assert listed(jobStatus="RUNNABLE") == [waiting]
    by_name: Any = [{"name": "JOB_NAME", "values": ["tamlil-*"]}]
    assert listed(filters=by_name, jobStatus="FAILED") == [waiting, running], "newest first"
    assert listed(filters=[{"name": "JOB_NAME", "values": ["tamlil-one-1"]}]) == [running]
    batch.listing_lag = 60
    assert listed() == []


def test_long_listings_come_in_pages(start: Any) -> None:
    batch = start(page=2)
    jobs = [batch.wait(submit(f"job-{number}")).id for number in range(5)]
    pages = client().get_paginator("list_jobs").paginate(jobQueue=QUEUE, jobStatus="SUCCEEDED")
    sizes = [[job["jobId"] for job in page["jobSummaryList"]] for page in pages]
    assert [len(page) for page in sizes] == [2, 2, 1]
    assert sorted(job for page in sizes for job in page) == sorted(jobs)


def test_what_batch_refuses_is_refused(start: Any) -> None:
    batch = start()
    call = client().submit_job
    good: Any = {"jobName": "job", "jobQueue": QUEUE, "jobDefinition": DEFINITION}
    reserved = {"environment": [{"name": "AWS_BATCH_X", "value": "1"}]}
    for wrong in (
        {"jobName": "-job"}, {"jobName": "a" * 129}, {"jobName": "a b"}, {"jobQueue": "other"},
        {"jobDefinition": "other"}, {"jobDefinition": f"{DEFINITION}:2"},
        {"timeout": {"attemptDurationSeconds": 59}}, {"retryStrategy": {"attempts": 11}},
        {"containerOverrides": reserved},
    ):  # fmt: skip
        assert refusal(call, **good | wrong) == ("ClientException", 400), wrong
    assert batch.jobs == {}
    assert refusal(client().list_jobs, jobQueue="other") == ("ClientException", 400)
    unknown: Any = {"jobId": "4c7599ae", "reason": "x"}
    assert refusal(client().terminate_job, **unknown) == ("ClientException", 400)
    assert client().describe_jobs(jobs=["4c7599ae"])["jobs"] == []


def test_a_definition_has_revisions_and_its_name_means_the_newest(start: Any) -> None:
    batch = start(TELL, environment={"A": "1"})
    registered = client().register_job_definition(**definition(environment={"A": "2"}))
    assert registered["revision"] == 2
    for name, expected in ((DEFINITION, "2"), (f"{DEFINITION}:1", "1")):
        job = client().submit_job(jobName="job", jobQueue=QUEUE, jobDefinition=name)["jobId"]
        batch.wait(job)
        assert json.loads(batch.log(job))["A"] == expected
    wrong: Any = definition() | {"containerProperties": {"image": "x"}}
    assert refusal(client().register_job_definition, **wrong) == ("ClientException", 400)


def test_faults_can_be_asked_for(start: Any) -> None:
    batch = start()
    good: Any = {"jobName": "job", "jobQueue": QUEUE, "jobDefinition": DEFINITION}
    batch.faults += [Fault("SubmitJob", "throttled"), Fault("SubmitJob", "broken")]
    assert refusal(client().submit_job, **good) == ("TooManyRequestsException", 429)
    assert refusal(client().submit_job, **good) == ("ServerException", 500)
    assert len(batch.jobs) == 0
    batch.faults += [Fault("SubmitJob", "broken_after")]
    assert refusal(client().submit_job, **good) == ("ServerException", 500)
    batch.faults += [Fault("SubmitJob", "dropped_after")]
    with pytest.raises(ConnectionClosedError):
        client().submit_job(**good)
    batch.faults += [Fault("SubmitJob", "cut_after")]
    assert "jobId" not in client().submit_job(**good), "the SDK takes half an answer for one"
    assert len(batch.jobs) == 3
    assert batch.calls["SubmitJob"] == 5


def test_unsigned_requests_are_refused(start: Any) -> None:
    import httpx

    batch = start()
    answer = httpx.post(f"{batch.url}/v1/listjobs", json={"jobQueue": QUEUE})
    assert answer.status_code == 403
    assert answer.headers["x-amzn-ErrorType"] == "MissingAuthenticationTokenException"


def test_a_templates_job_definition_becomes_the_apis() -> None:
    options = {"awslogs-group": "x"}
    given = {
        "JobDefinitionName": "worker", "Type": "container",
        "Timeout": {"AttemptDurationSeconds": "86400"},
        "ContainerProperties": {"LogConfiguration": {"Options": options}, "Environment": [
            {"Name": "A", "Value": "1"}]},
    }  # fmt: skip
    assert from_template(given) == {
        "jobDefinitionName": "worker",
        "type": "container",
        "timeout": {"attemptDurationSeconds": 86400},
        "containerProperties": {
            "logConfiguration": {"options": options},
            "environment": [{"name": "A", "value": "1"}],
        },
    }


def test_no_process_outlives_the_fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with batch_running(monkeypatch, tmp_path, code=WAIT) as batch:
        process = batch.wait(submit(), "RUNNING").process
        assert process is not None
    assert process.poll() is not None
    assert sys.executable
