"""Every sentence of `shared.ports.launcher`, for every adapter."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from shared.ports.launcher import Launcher
from shared.settings import WorkerSettings
from tests.support.contracts import Adapters

WORKER = """
import json, os, pathlib, signal, sys, time

here = pathlib.Path(__file__).parent
out = here / os.environ["TAMLIL_JOB_ID"]

def terminated(number, frame):
    out.with_suffix(".terminated").touch()
    if "stubborn" not in out.name:
        sys.exit(143)

signal.signal(signal.SIGTERM, terminated)
started = {"env": dict(os.environ), "arguments": sys.argv[1:]}
temporary = out.with_suffix(".tmp")
temporary.write_text(json.dumps(started))
temporary.rename(out.with_suffix(".started"))
print("hello from", out.name, flush=True)
deadline = time.monotonic() + (0 if "quick" in out.name else 60)
while time.monotonic() < deadline:
    time.sleep(0.02)
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "worker" / "worker.py"
    path.parent.mkdir()
    path.write_text(WORKER, encoding="utf-8")
    return path


@pytest.fixture
def launcher(platform: Adapters, program: Path) -> Iterator[Launcher]:
    launcher = platform.launcher(program, grace_seconds=0.5)
    yield launcher
    for execution in launcher.active():
        launcher.stop(execution)
    _wait_for(lambda: not launcher.active())


def _wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "waited for too long"
        time.sleep(0.02)


def _start(launcher: Launcher, program: Path, job_id: str) -> tuple[str, dict[str, Any]]:
    """Start a worker and wait until it has said what it sees."""
    execution = launcher.start(job_id=job_id, attempt=1)
    report = program.parent / f"{job_id}.started"
    _wait_for(report.exists)
    return execution, json.loads(report.read_text(encoding="utf-8"))


def test_the_worker_learns_its_job_and_execution_from_its_environment(
    launcher: Launcher, program: Path
) -> None:
    execution, report = _start(launcher, program, "job_quick")
    with patch.dict(os.environ, report["env"], clear=True):
        told = WorkerSettings()
    assert told.job_id == "job_quick"
    assert told.execution is not None
    assert told.execution.partition("#")[0] == execution
    assert report["env"]["WORKER_SETTING"] == "1", "the deployment's settings"
    assert report["arguments"] == []


def test_an_execution_is_active_from_start_to_end(launcher: Launcher, program: Path) -> None:
    assert launcher.active() == frozenset()
    execution = launcher.start(job_id="job_quick", attempt=1)
    other, _ = _start(launcher, program, "job_long")
    assert other in launcher.active()
    _wait_for(lambda: launcher.active() == {other})
    assert execution != other


def test_stop_asks_the_worker_to_end_and_does_not_wait(launcher: Launcher, program: Path) -> None:
    execution, _ = _start(launcher, program, "job_long")
    other, _ = _start(launcher, program, "job_other")
    launcher.stop(execution)
    _wait_for(lambda: launcher.active() == {other})
    assert (program.parent / "job_long.terminated").exists()
    assert not (program.parent / "job_other.terminated").exists()


def test_stop_takes_the_name_under_which_the_worker_claims(
    launcher: Launcher, program: Path
) -> None:
    execution, report = _start(launcher, program, "job_long")
    with patch.dict(os.environ, report["env"], clear=True):
        name = WorkerSettings().execution
    assert name is not None
    launcher.stop(name)
    _wait_for(lambda: execution not in launcher.active())
    assert (program.parent / "job_long.terminated").exists()


def test_stop_ends_a_worker_that_does_not_end_itself(launcher: Launcher, program: Path) -> None:
    execution, _ = _start(launcher, program, "job_stubborn")
    before = time.monotonic()
    launcher.stop(execution)
    assert time.monotonic() - before < 0.4, "stop waited"
    _wait_for((program.parent / "job_stubborn.terminated").exists)
    _wait_for(lambda: execution not in launcher.active())


def test_stopping_what_is_over_or_unknown_is_no_error(launcher: Launcher, program: Path) -> None:
    execution, _ = _start(launcher, program, "job_quick")
    _wait_for(lambda: not launcher.active())
    for handle in (execution, execution, "unknown", "local-" + "0" * 26, "../../etc/passwd", ""):
        launcher.stop(handle)


def test_handles_stay_valid_when_the_caller_restarts(
    platform: Adapters, launcher: Launcher, program: Path
) -> None:
    execution, _ = _start(launcher, program, "job_long")
    restarted = platform.launcher(program, grace_seconds=0.5)
    assert restarted.active() == {execution}
    restarted.stop(execution)
    _wait_for(lambda: restarted.active() == frozenset())
    _wait_for(lambda: launcher.active() == frozenset())
