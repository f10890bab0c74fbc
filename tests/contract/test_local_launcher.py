"""What the process launcher promises beyond the port."""

from __future__ import annotations

import json
import os
import stat
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from shared.adapters.local import processes
from shared.adapters.local.execution_records import ExecutionRecord, ExecutionRecords
from shared.adapters.local.subprocess_launcher import SubprocessLauncher
from shared.domain.errors import Unavailable

SLEEP = "import time; time.sleep(60)"
PARENT = f"""
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {SLEEP!r}])
print(child.pid, flush=True)
time.sleep(60)
"""


def _launcher(
    tmp_path: Path, program: str, *, command: list[str] | None = None, keep_logs: int = 200
) -> SubprocessLauncher:
    return SubprocessLauncher(
        command=command or [sys.executable, "-c", program],
        env={},
        state_dir=tmp_path / "executions",
        log_dir=tmp_path / "logs",
        grace_seconds=0.3,
        keep_logs=keep_logs,
    )


def _wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "waited for too long"
        time.sleep(0.02)


def _record(tmp_path: Path, execution: str) -> ExecutionRecord:
    record = ExecutionRecords(tmp_path / "executions").read(execution)
    assert record is not None
    return record


def test_a_process_that_has_the_id_of_a_dead_worker_is_left_alone(tmp_path: Path) -> None:
    launcher = _launcher(tmp_path, SLEEP)
    execution = launcher.start(job_id="job_1", attempt=2)
    record = _record(tmp_path, execution)
    assert (record.job_id, record.attempt) == ("job_1", 2)
    other = replace(record, execution="local-" + "0" * 26, identity="an earlier start")
    ExecutionRecords(tmp_path / "executions").write(other)
    launcher.stop(other.execution)
    time.sleep(0.5)
    assert psutil.pid_exists(record.pid)
    assert launcher.active() == {execution}, "and the dead worker's record is gone"
    assert ExecutionRecords(tmp_path / "executions").read(other.execution) is None
    launcher.stop(execution)
    _wait_for(lambda: not launcher.active())


def test_stop_reaches_what_the_worker_has_started(tmp_path: Path) -> None:
    launcher = _launcher(tmp_path, PARENT)
    execution = launcher.start(job_id="job_1", attempt=1)
    log = tmp_path / "logs" / f"{execution}.log"
    _wait_for(lambda: log.read_text().endswith("\n"))
    child = psutil.Process(int(log.read_text()))
    launcher.stop(execution)
    _wait_for(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def test_a_worker_that_ends_leaves_neither_zombie_nor_record(tmp_path: Path) -> None:
    launcher = _launcher(tmp_path, "import time; time.sleep(0.3)")
    pid = _record(tmp_path, launcher.start(job_id="job_1", attempt=1)).pid
    _wait_for(lambda: not psutil.pid_exists(pid))
    _wait_for(lambda: not list((tmp_path / "executions").iterdir()))


def test_output_goes_to_a_private_log(tmp_path: Path) -> None:
    launcher = _launcher(tmp_path, "import sys; print('out'); sys.exit('err')")
    log = tmp_path / "logs" / f"{launcher.start(job_id='job_1', attempt=1)}.log"
    _wait_for(lambda: not launcher.active())
    assert sorted(log.read_text().split()) == ["err", "out"]
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_the_newest_logs_are_kept(tmp_path: Path) -> None:
    launcher = _launcher(tmp_path, "pass", keep_logs=2)
    started = []
    for _ in range(4):
        started.append(launcher.start(job_id="job_1", attempt=1))
        time.sleep(0.005)  # handles sort by their millisecond
    assert sorted(path.stem for path in (tmp_path / "logs").iterdir()) == started[2:]
    _wait_for(lambda: not launcher.active())


def test_a_worker_that_can_not_be_started_is_unavailable(tmp_path: Path) -> None:
    launcher = _launcher(tmp_path, "", command=[str(tmp_path / "absent")])
    with pytest.raises(Unavailable) as caught:
        launcher.start(job_id="job_1", attempt=1)
    assert caught.value.retryable
    assert launcher.active() == frozenset()


def test_a_worker_that_can_not_be_recorded_is_killed(tmp_path: Path) -> None:
    (tmp_path / "executions").touch()  # where the folder of records should be
    launcher = _launcher(tmp_path, SLEEP)
    with pytest.raises(Unavailable):
        launcher.start(job_id="job_1", attempt=1)
    _wait_for(lambda: not [c for c in psutil.Process().children() if SLEEP in c.cmdline()])


def test_a_damaged_record_is_forgotten(tmp_path: Path) -> None:
    launcher = _launcher(tmp_path, SLEEP)
    (tmp_path / "executions").mkdir()
    path = tmp_path / "executions" / f"local-{'0' * 26}.json"
    for damaged in ("", "{", json.dumps({"pid": 1})):
        path.write_text(damaged)
        assert launcher.active() == frozenset()
        assert not path.exists()


def test_both_ways_to_identify_a_process_know_the_living_from_the_dead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for boot_id in (processes._BOOT_ID, Path("/nowhere")):
        monkeypatch.setattr(processes, "_BOOT_ID", boot_id)
        own = processes.identity(os.getpid())
        assert own is not None
        assert own == processes.identity(os.getpid())
        assert own != processes.identity(1)
        assert processes.identity(2**22 + 1) is None
