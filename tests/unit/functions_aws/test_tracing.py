"""What a traced function sends to X-Ray, as its daemon would receive it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.aws_contracts import aws_environment
from tests.support.moto_server import moto_server
from tests.support.traced_child import ANSWER, FAULT, REFUSAL

ROOT = Path(__file__).parents[3]
_PARENT = "53995c3f42cd8ad8"
_TRACE = f"Root=1-5759e988-bd862e3fe1be46a994272793;Parent={_PARENT};Sampled=1"
#: The largest datagram there is (bytes).
_DATAGRAM = 65_535


@pytest.fixture(scope="module")
def traced() -> tuple[list[Any], list[dict[str, Any]]]:
    """What three invocations came to, and the documents that were sent, in their order."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
        daemon.bind(("127.0.0.1", 0))
        environment = aws_environment(moto_server().url) | {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "LAMBDA_TASK_ROOT": str(ROOT),
            "_X_AMZN_TRACE_ID": _TRACE,
            "AWS_XRAY_DAEMON_ADDRESS": f"127.0.0.1:{daemon.getsockname()[1]}",
        }
        ended = subprocess.run(
            [sys.executable, "-m", "tests.support.traced_child"],
            env=environment, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr
        daemon.setblocking(False)
        return [json.loads(line) for line in ended.stdout.splitlines()], _sent(daemon)


def _sent(daemon: socket.socket) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        try:
            message = daemon.recv(_DATAGRAM)
        except BlockingIOError:
            return found
        found.append(json.loads(message.partition(b"\n")[2]))


def named(documents: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [document for document in documents if document["name"] == name]


def test_a_traced_function_does_its_work_and_its_errors_pass_through(
    traced: tuple[list[Any], list[dict[str, Any]]],
) -> None:
    came, _ = traced
    assert came == [{"answer": ANSWER}, REFUSAL, FAULT]


def test_each_invocation_is_told_with_whether_it_failed(
    traced: tuple[list[Any], list[dict[str, Any]]],
) -> None:
    handled = named(traced[1], "## handler")
    assert [document.get("fault", False) for document in handled] == [False, True, True]
    assert {document["parent_id"] for document in handled} == {_PARENT}
    assert [document["annotations"]["Service"] for document in handled] == ["sweep"] * 3
    assert [document["annotations"]["ColdStart"] for document in handled] == [True, False, False]


def test_each_call_to_a_service_is_told_below_its_invocation(
    traced: tuple[list[Any], list[dict[str, Any]]],
) -> None:
    calls = named(traced[1], "dynamodb")
    assert [call["aws"]["operation"] for call in calls] == ["GetItem"] * 3
    handled = [document["id"] for document in named(traced[1], "## handler")]
    assert [call["parent_id"] for call in calls] == handled


def test_neither_answers_nor_errors_are_told(
    traced: tuple[list[Any], list[dict[str, Any]]],
) -> None:
    sent = json.dumps(traced[1])
    assert traced[1]
    for said in (ANSWER, REFUSAL, FAULT):
        assert said not in sent
    for document in named(traced[1], "## handler"):
        assert "cause" not in document
        assert "metadata" not in document
