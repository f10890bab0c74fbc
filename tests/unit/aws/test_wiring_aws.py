"""What a deployment's variables become: a platform on AWS, for workers, people and functions."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.adapters.aws.dynamo_job_store import DynamoJobStore
from shared.adapters.aws.sqs_job_queue import SqsJobQueue
from shared.aws_platform import build_aws
from shared.domain.errors import InvalidRequest
from shared.function_settings import read_function_settings
from shared.services.webhook_headers import DeploymentHeader, header_secret
from shared.settings import Settings
from shared.wiring import load
from tests.support.aws_contracts import AwsAdapters, aws_environment

REPOSITORY = Path(__file__).parents[3]
FUNCTIONS = ("api", "intake", "dispatch", "webhook", "sweep")


def variables(name: str = "t") -> dict[str, str]:
    """What template.yaml gives to each function and to the container."""
    return {
        "TAMLIL_PLATFORM": "aws",
        "TAMLIL_AWS_TABLE": name,
        "TAMLIL_AWS_BUCKET": name,
        "TAMLIL_AWS_QUEUE_URL": "https://sqs.example/1/jobs",
        "TAMLIL_AWS_DEAD_LETTER_URL": "https://sqs.example/1/jobs-dead",
        "TAMLIL_AWS_WEBHOOK_QUEUE_URL": "https://sqs.example/1/webhooks",
        "TAMLIL_AWS_WEBHOOK_DEAD_LETTER_URL": "https://sqs.example/1/webhooks-dead",
        "TAMLIL_AWS_EVENT_BUS": "bus",
        "TAMLIL_AWS_BATCH_QUEUE": "gpu",
        "TAMLIL_AWS_BATCH_DEFINITION": "worker",
        "TAMLIL_MAX_WORKERS": "7",
        "TAMLIL_WEBHOOK_TIMEOUT_SECONDS": "9",
        "TAMLIL_LEASE_SECONDS": "33",
    }


@pytest.fixture
def deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in variables().items():
        monkeypatch.setenv(name, value)


def test_workers_and_functions_see_the_same_deployment(deployment: None) -> None:
    with load(Settings()) as platform:
        read = read_function_settings(models=True)
        function = build_aws(
            read.names, timing=read.timing, limits=read.limits, webhooks=read.webhooks
        )
        assert isinstance(platform.jobs, DynamoJobStore)
        assert isinstance(function.webhook_queue, SqsJobQueue)
        assert platform.timing == function.timing
        assert platform.limits == function.limits
        assert platform.webhooks == function.webhooks
        assert (platform.limits.max_workers, platform.timing.lease_seconds) == (7, 33.0)


def test_a_name_that_is_missing_is_named(deployment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TAMLIL_AWS_TABLE")
    with pytest.raises(InvalidRequest, match="TAMLIL_AWS_TABLE") as caught, load(Settings()):
        pass
    assert caught.value.code == "invalid_settings"


def start(function: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    code = f"import functions.{function}.app as app; print(callable(app.handler))"
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=REPOSITORY,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_starts_with_the_deployments_variables_and_reaches_no_service(
    function: str,
) -> None:
    started = start(function, variables())  # without region, credentials or endpoint
    assert (started.stdout.strip(), started.returncode) == ("True", 0), started.stderr


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_without_a_variable_says_which(function: str) -> None:
    environment = variables()
    del environment["TAMLIL_AWS_QUEUE_URL"]
    started = start(function, environment | {"TAMLIL_MAX_WORKERS": "many"})
    assert started.returncode != 0
    assert "TAMLIL_AWS_QUEUE_URL" in started.stderr
    assert "TAMLIL_MAX_WORKERS" in started.stderr


@pytest.fixture
def adapters() -> Iterator[AwsAdapters]:
    opened = AwsAdapters()
    yield opened
    opened.close()


def test_the_command_line_sets_a_header_where_the_webhook_function_finds_it(
    adapters: AwsAdapters, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = variables(adapters.name) | {"TAMLIL_AWS_SECRET_PREFIX": adapters.name}
    made = subprocess.run(
        [sys.executable, "-m", "tamlil", "webhooks", "header", "vercel-bypass", "--set"],
        cwd=REPOSITORY,
        env=os.environ | aws_environment(adapters.endpoint) | told,
        input="t0ken\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert made.returncode == 0, made.stderr
    assert made.stdout == "set in the store\n"
    assert "t0ken" not in made.stderr
    for name, value in (aws_environment(adapters.endpoint) | told).items():
        monkeypatch.setenv(name, value)
    read = read_function_settings()
    function = build_aws(read.names, timing=read.timing, limits=read.limits, webhooks=read.webhooks)
    assert header_secret(function, DeploymentHeader.VERCEL_BYPASS) == "t0ken"
    assert header_secret(function, DeploymentHeader.LEGACY_SIGNATURE) is None


def test_the_command_line_makes_the_first_key_of_a_deployment(adapters: AwsAdapters) -> None:
    made = subprocess.run(
        [sys.executable, "-m", "tamlil", "keys", "create", "--tenant", "acme"],
        cwd=REPOSITORY,
        env=os.environ | aws_environment(adapters.endpoint) | variables(adapters.name),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert made.returncode == 0, made.stderr
    assert "tml_" in made.stdout
    assert [key.tenant for key in adapters.key_store().list()] == ["acme"]
