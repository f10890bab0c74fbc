"""Each bundle in the real runtime client; beside it only what the Lambda runtime has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.domain.job import Status
from tests.support.aws_stage import AwsStage, aws_stage
from tests.support.bundles import Bundles
from tests.support.functions_aws import recorded, recorded_names
from tests.support.lambda_process import LambdaProcess
from tests.support.runtime_api import Answer

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsStage]:
    with aws_stage(tmp_path_factory.mktemp("stage")) as staged:
        yield staged


@pytest.fixture
def run(bundles: Bundles, stage: AwsStage, tmp_path: Path) -> Run:
    return Run(bundles, stage, tmp_path)


class Run:
    """Starts a function's process and gives it events, one after another."""

    def __init__(self, bundles: Bundles, stage: AwsStage, folder: Path) -> None:
        self._bundles, self._stage, self._folder = bundles, stage, folder

    def __call__(self, name: str, *events: Any) -> list[Answer]:
        process = LambdaProcess(
            bundle=self._bundles.function(f"{name.title()}Function"),
            handler=f"functions.{name}.app.handler",
            runtime=self._bundles.runtime(),
            env=self._stage.environment,
            log=self._folder / f"{name}.log",
        )
        with process:
            return [process.invoke(event) for event in events]

    def log(self, name: str) -> str:
        return (self._folder / f"{name}.log").read_text(encoding="utf-8")


def names(function: str) -> list[str]:
    return recorded_names(function)


def test_the_api_answers_every_recorded_request(run: Run) -> None:
    events = [recorded(name) for name in names("api")]
    answers = run("api", *events)
    assert [answer.failed for answer in answers] == [False] * len(events)
    assert {answer.body["statusCode"] for answer in answers} <= {200, 401}  # their key is nobody's


def test_the_api_takes_a_job_and_shows_it(run: Run, stage: AwsStage) -> None:
    (accepted,) = run("api", stage.submit())
    assert accepted.body["statusCode"] == 202
    job_id = json.loads(accepted.body["body"])["job_id"]
    assert stage.platform.jobs.get(job_id).status is Status.PENDING
    (shown,) = run("api", stage.get(f"/api/v1/jobs/{job_id}"))
    assert json.loads(shown.body["body"])["recording_id"] == "שיחה 42"


def test_an_object_in_the_inbox_becomes_a_job_and_recorded_events_are_taken(
    run: Run, stage: AwsStage
) -> None:
    events = [recorded(name) for name in names("intake")]
    answers = run("intake", stage.dropped("call"), *events)
    assert [answer.failed for answer in answers] == [False] * len(answers)
    assert "job_" in run.log("intake")


def test_a_queued_job_gets_a_worker_and_a_poison_message_alone_is_given_back(
    run: Run, stage: AwsStage
) -> None:
    asked_before = stage.batch.calls["SubmitJob"]
    job = stage.job()
    started, *others = run(
        "dispatch", stage.queued(job), *(recorded(name) for name in names("dispatch"))
    )
    assert started.body == {"batchItemFailures": []}
    assert stage.batch.calls["SubmitJob"] == asked_before + 1
    assert [answer.failed for answer in others] == [False] * len(others)
    assert any(answer.body["batchItemFailures"] for answer in others)


def test_the_end_of_a_job_reaches_its_receiver_signed(run: Run, stage: AwsStage) -> None:
    event = stage.ended()
    before = stage.receiver.count()
    (answer,) = run("webhook", event)
    assert (answer.failed, answer.body) == (False, {"batchItemFailures": []})
    assert stage.receiver.count() == before + 1


def test_the_sweep_takes_every_recorded_event(run: Run) -> None:
    answers = run("sweep", *(recorded(name) for name in names("sweep")))
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
        answer = process.invoke(recorded("sweep/schedule"))
    assert answer.failed
    assert "TAMLIL_AWS_TABLE" in json.dumps(answer.body)
