"""The entry points as Lambda loads them, from their environment, on moto and a fake Batch."""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import functions.open_function
import shared.aws_platform
from shared.adapters.aws.clients import AwsClients, function_clients
from shared.adapters.aws.sqs_job_queue import SqsJobQueue
from shared.domain.job import Status
from shared.domain.messages import JobQueued, decode
from shared.ports.platform import Platform
from shared.services.cancel_job import purge_job
from shared.services.manage_keys import create_key
from shared.settings import Settings
from shared.wiring import load
from tests.support.aws_contracts import AwsAdapters
from tests.support.batch import DEFINITION, QUEUE, batch_for_program
from tests.support.functions_aws import FakeContext, documented, failed_ids, sqs_event
from tests.support.stack import functions as deployed

FUNCTIONS = ("api", "intake", "dispatch", "webhook", "sweep")


@dataclass
class Deployment:
    """The parts of a deployment, and what its functions read."""

    adapters: AwsAdapters
    environment: dict[str, str]
    opened: ExitStack

    def handler(self, function: str) -> Any:
        """As a fresh instance of Lambda loads it."""
        name = f"functions.{function}.app"
        sys.modules.pop(name, None)
        module = importlib.import_module(name)
        if function == "api":
            self.opened.callback(asyncio.set_event_loop, None)
            self.opened.callback(module._api.close)
        return lambda event: module.handler(event, FakeContext())

    def dropped(self, key: str, content: bytes, **more: Any) -> dict[str, Any]:
        """Put an object into the bucket; returns the bucket's news of it."""
        put = self.adapters.clients.s3.put_object(
            Bucket=self.adapters.name, Key=key, Body=content, **more
        )
        event = documented("intake/dropped")
        event["detail"]["object"] |= {"key": key, "version-id": put["VersionId"]}
        return event

    def queue(self, name: str) -> SqsJobQueue:
        return SqsJobQueue(
            self.adapters.clients,
            queue_url=self.environment[f"TAMLIL_AWS_{name}QUEUE_URL"],
            dead_letter_url=self.environment[f"TAMLIL_AWS_{name}DEAD_LETTER_URL"],
        )

    def bodies(self, name: str = "") -> list[str]:
        """Take what waits in a queue."""
        queue, found = self.queue(name), []
        while received := queue.receive():
            for message in received:
                found.append(message.body)
                queue.delete(message.receipt)
        return found


@pytest.fixture
def deployment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Deployment]:
    for name in list(os.environ):
        if name.startswith("TAMLIL_"):
            monkeypatch.delenv(name)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    program = tmp_path / "worker.py"
    program.write_text("import time; time.sleep(60)\n", encoding="utf-8")
    with ExitStack() as stack:
        stack.callback(gc.unfreeze)
        stack.callback(gc.enable)
        adapters = AwsAdapters()
        stack.callback(adapters.close)
        batch = stack.enter_context(batch_for_program(program, stop_seconds=0.1))
        _, (hooks, _) = adapters.event_bus()
        jobs = adapters.job_queue()
        assert isinstance(jobs, SqsJobQueue)
        assert isinstance(hooks, SqsJobQueue)
        environment = {
            "TAMLIL_PLATFORM": "aws",
            "TAMLIL_AWS_TABLE": adapters.name,
            "TAMLIL_AWS_BUCKET": adapters.name,
            "TAMLIL_AWS_QUEUE_URL": jobs._url,
            "TAMLIL_AWS_DEAD_LETTER_URL": jobs._dead_url,
            "TAMLIL_AWS_WEBHOOK_QUEUE_URL": hooks._url,
            "TAMLIL_AWS_WEBHOOK_DEAD_LETTER_URL": hooks._dead_url,
            "TAMLIL_AWS_EVENT_BUS": adapters.name,
            "TAMLIL_AWS_BATCH_QUEUE": QUEUE,
            "TAMLIL_AWS_BATCH_DEFINITION": DEFINITION,
            "TAMLIL_AWS_DEPLOYMENT": "test-stack",
            "AWS_ENDPOINT_URL_BATCH": batch.url,
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(
            shared.aws_platform, "AwsClients", lambda: _closed_with(stack, AwsClients())
        )
        monkeypatch.setattr(
            functions.open_function,
            "function_clients",
            lambda: _closed_with(stack, function_clients()),
        )
        yield Deployment(adapters=adapters, environment=environment, opened=stack)
    root.handlers[:] = handlers
    root.setLevel(level)


def _closed_with(stack: ExitStack, clients: AwsClients) -> AwsClients:
    stack.callback(lambda: [client.close() for client in clients._made.values()])
    return clients


@pytest.fixture
def platform(deployment: Deployment) -> Iterator[Platform]:
    """The same deployment as the command line opens it."""
    with load(Settings()) as opened:
        yield opened


def submit(deployment: Deployment, platform: Platform) -> str:
    event = documented("api/submit_url")
    event["headers"]["x-api-key"] = create_key(platform, tenant="acme").token
    answer = deployment.handler("api")(event)
    assert answer["statusCode"] == 202, answer["body"]
    return str(json.loads(answer["body"])["job_id"])


def test_from_the_front_door_to_a_container(deployment: Deployment, platform: Platform) -> None:
    job_id = submit(deployment, platform)
    assert platform.jobs.get(job_id).status is Status.PENDING
    (body,) = deployment.bodies()
    assert decode(JobQueued, body).job_id == job_id
    answer = deployment.handler("dispatch")(sqs_event(body, "poison", body))
    assert failed_ids(answer) == ["m2"]
    assert len(platform.launcher.active()) == 1


def test_a_dropped_object_is_taken_with_the_options_of_its_metadata(
    deployment: Deployment, platform: Platform
) -> None:
    key = "tenants/acme/inbox/calls/שיחה + 42.mp3"
    event = deployment.dropped(
        key,
        b"RIFF",
        ContentType="audio/mpeg",
        Metadata={"Tamlil-Language": "he", "tamlil": '{"diarize": true}'},
    )
    handler = deployment.handler("intake")
    for _ in range(2):
        handler(event)
    (body,) = deployment.bodies()
    job = platform.jobs.get(decode(JobQueued, body).job_id)
    assert (job.options.language, job.options.diarize) == ("he", True)
    assert (job.source.key, job.tenant) == (key, "acme")


def test_two_drops_under_one_name_are_two_jobs_each_of_its_own_version(
    deployment: Deployment, platform: Platform
) -> None:
    """Told when both lie there already, the second first, as EventBridge may."""
    key = "tenants/acme/inbox/call.mp3"
    events = [deployment.dropped(key, content) for content in (b"first", b"the second")]
    handler = deployment.handler("intake")
    for event in reversed(events):
        handler(event)
    jobs = [platform.jobs.get(decode(JobQueued, body).job_id) for body in deployment.bodies()]
    taken = {job.source.size_bytes: job for job in jobs}
    assert set(taken) == {len(b"first"), len(b"the second")}
    for job in jobs:
        assert job.source.version is not None
        read = platform.blobs.stream(key, version=job.source.version)
        assert len(b"".join(read)) == job.source.size_bytes
    purge_job(platform, tenant="acme", job_id=taken[5].id)
    assert platform.blobs.stat(key).size_bytes == 10, "a job erases its own audio only"
    purge_job(platform, tenant="acme", job_id=taken[10].id)
    assert not platform.blobs.exists(key)


def test_the_schedule_counts_the_deployments_state(
    deployment: Deployment, platform: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    submit(deployment, platform)
    capsys.readouterr()
    deployment.handler("sweep")(documented("sweep/schedule"))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert all(line["service"] == "test-stack" for line in lines)
    (pending,) = (line for line in lines if line.get("status") == "pending")
    assert pending["Jobs"] == [1.0]


@pytest.mark.parametrize("service", ["batch", "dynamodb", "events", "s3", "secretsmanager", "sqs"])
def test_a_function_gives_a_silent_service_up_while_it_can_still_say_so(
    deployment: Deployment, service: str
) -> None:
    deployment.handler("sweep")
    clients: Any = sys.modules["functions.sweep.app"]._function.platform.queue._clients
    config = getattr(clients, service).meta.config
    tries = config.retries["total_max_attempts"]
    waits = sum(2**number for number in range(tries - 1))  # as the SDK draws them, at most
    longest = tries * (config.connect_timeout + config.read_timeout) + waits
    assert longest < min(function["Timeout"] for function in deployed().values()) - 1


@pytest.mark.parametrize("name", ["batch_failed", "batch_runnable_after_host_loss"])
def test_a_container_that_died_frees_its_job(
    deployment: Deployment, platform: Platform, name: str
) -> None:
    from shared.services.claim_job import claim_job

    job_id = submit(deployment, platform)
    event = documented(f"sweep/{name}")
    execution = f"{event['detail']['jobId']}#1"
    assert claim_job(platform, job_id, worker="w", execution=execution) is not None
    deployment.handler("sweep")(event)
    assert platform.jobs.get(job_id).status is Status.PENDING


def test_a_cancelled_jobs_event_is_worked_off_and_counted_once(
    deployment: Deployment, platform: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    from shared.domain.messages import JobEvent
    from shared.services.cancel_job import cancel_job
    from tests.support.functions_aws import job_event_body

    job_id = submit(deployment, platform)
    cancel_job(platform, tenant="acme", job_id=job_id)
    (detail,) = deployment.bodies("WEBHOOK_")
    body = job_event_body(decode(JobEvent, detail))
    handler = deployment.handler("webhook")
    capsys.readouterr()
    assert failed_ids(handler(sqs_event(body))) == []
    assert failed_ids(handler(sqs_event(body, "poison"))) == ["m2"]
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    ended = [line for line in lines if "JobsEnded" in line]
    assert [(line["status"], line["JobsEnded"]) for line in ended] == [("cancelled", [1.0])]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_loads_only_what_it_needs_until_it_works(
    deployment: Deployment, function: str
) -> None:
    """boto3 with the first call to a service, httpx with the first URL, pydantic for options."""
    heavy = ["boto3", "httpx", "docx", "aws_xray_sdk", "pydantic_settings", "shared.settings"]
    if function != "api":
        heavy += ["pydantic", "fastapi"]
    code = (
        f"import sys, functions.{function}.app;"
        f" print([name for name in {heavy!r} if name in sys.modules])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | deployment.environment,
        cwd=Path(__file__).parents[3], capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (ended.returncode, ended.stdout.strip()) == (0, "[]"), ended.stderr


@pytest.mark.parametrize("function", FUNCTIONS)
def test_garbage_is_collected_from_the_first_answer_on(
    deployment: Deployment, function: str
) -> None:
    code = (
        "import contextlib, gc\n"
        f"import functions.{function}.app as app\n"
        "from tests.support.functions_aws import FakeContext\n"
        "assert not gc.isenabled()\n"
        "with contextlib.suppress(Exception): app.handler({}, FakeContext())\n"
        "assert gc.isenabled() and gc.get_freeze_count() > 1000\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | deployment.environment,
        cwd=Path(__file__).parents[3], capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr


def test_the_command_line_works_on_the_deployment(
    deployment: Deployment, platform: Platform
) -> None:
    def tamlil(*words: str) -> str:
        ended = subprocess.run(
            [sys.executable, "-m", "tamlil", *words], env=os.environ | deployment.environment,
            cwd=Path(__file__).parents[3], capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    token = tamlil("keys", "create", "--tenant", "acme").strip()
    event = documented("api/submit_url")
    event["headers"]["x-api-key"] = token
    job_id = json.loads(deployment.handler("api")(event)["body"])["job_id"]
    assert job_id in tamlil("jobs", "list", "--tenant", "acme")
    assert (
        json.loads(tamlil("jobs", "show", job_id, "--tenant", "acme", "--json"))["job_id"] == job_id
    )
    tamlil("jobs", "cancel", job_id, "--tenant", "acme")
    assert platform.jobs.get(job_id).status is Status.CANCELLED
