"""A fake Batch with a job definition, and the launcher that works on it through the real SDK."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.aws.batch_launcher import BatchLauncher
from shared.adapters.aws.clients import AwsClients
from tests.support.fake_batch import FakeBatch, fake_batch

QUEUE, DEFINITION = "workers", "worker"
RETRY_ON_HOST_LOSS = {
    "attempts": 3,
    "evaluateOnExit": [
        {"action": "RETRY", "onStatusReason": "Host EC2*"},
        {"action": "EXIT", "onStatusReason": "*"},
    ],
}


def definition(*, environment: Mapping[str, str] | None = None, **more: Any) -> dict[str, Any]:
    """A small job definition as the API takes it."""
    container = {
        "image": "worker",
        "resourceRequirements": [
            {"type": "VCPU", "value": "4"},
            {"type": "MEMORY", "value": "14000"},
        ],
        "environment": [{"name": k, "value": v} for k, v in (environment or {}).items()],
    }
    return {
        "jobDefinitionName": DEFINITION,
        "type": "container",
        "containerProperties": container,
        "retryStrategy": RETRY_ON_HOST_LOSS,
        **more,
    }


def use_batch(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Have the SDK of this process talk to it, and to nothing else with real credentials."""
    for name, value in {
        "AWS_ENDPOINT_URL_BATCH": url,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)


@contextmanager
def batch_running(
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    *,
    code: str | None = None,
    program: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    defined: Mapping[str, Any] | None = None,
    **more: Any,
) -> Iterator[FakeBatch]:
    """Batch whose containers run this Python code (or program), known to the SDK."""
    run = program or (sys.executable, "-c", code or "pass")
    with fake_batch(folder, program=run, **more) as batch:
        batch.register(definition(environment=environment, **(defined or {})))
        use_batch(monkeypatch, batch.url)
        yield batch


@contextmanager
def batch_for_program(program: Path, *, stop_seconds: float) -> Iterator[FakeBatch]:
    """What the contract suite of launchers asks for: a Python file with one setting."""
    run = (sys.executable, str(program))
    with fake_batch(program.parent / "logs", program=run, stop_seconds=stop_seconds) as batch:
        batch.register(definition(environment={"WORKER_SETTING": "1"}))
        yield batch


def make_launcher(**more: Any) -> BatchLauncher:
    """A launcher that does not sleep between tries, unless told."""
    more = {"sleep": lambda seconds: None} | more
    return BatchLauncher(AwsClients(), queue=QUEUE, definition=DEFINITION, **more)
