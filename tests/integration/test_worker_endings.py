"""Real worker processes that are cancelled, terminated and killed while an engine is at work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from gpu_job.exit_codes import ExitCode
from shared.domain.errors import NotFound, StaleAttempt
from shared.domain.job import Job, Stage, Status
from shared.ports.platform import Platform
from shared.services.cancel_job import cancel_job, purge_job
from shared.services.sweep import sweep
from shared.services.work_on_job import complete_job, report_progress
from shared.settings import environment
from tests.support.platform import make_deployment, make_settings
from tests.support.workers import TENANT, submit, transcript, wait_until

_LONGEST_STOP = 2.0
#: What the test itself may add on a busy machine: seeing that the process has ended.
_SLACK = 0.5

ALL = ("polite", "sleeping", "native")


@dataclass
class WorkerProcess:
    """A process, the folder that its engine works in, and when the engine began."""

    process: subprocess.Popen[bytes]
    folder: Path

    def ended_after(self, begun: float) -> tuple[int, float]:
        """Exit code, and the seconds from `begun` to the end."""
        return self.process.wait(15), time.monotonic() - begun


@contextmanager
def worker_at_work(
    data_dir: Path, job: Job, behaviour: str, **overrides: float
) -> Iterator[WorkerProcess]:
    settings = make_settings(data_dir, worker_idle_seconds=0.0, **overrides)
    marker = data_dir / f"at-work-{behaviour}"
    variables = environment(settings) | {"TAMLIL_JOB_ID": job.id, "TMPDIR": str(data_dir)}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.blocking_worker", behaviour, str(marker)],
        env=os.environ | variables,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: marker.exists() and marker.read_text(), seconds=30)
        yield WorkerProcess(process=process, folder=Path(marker.read_text()))
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(10)


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    with make_deployment(tmp_path, retry_backoff_seconds=0.05) as deployment:
        yield deployment.platform


@pytest.mark.parametrize("behaviour", ALL)
def test_sigterm_gives_the_job_back_and_ends_within_two_seconds(
    platform: Platform, tmp_path: Path, behaviour: str
) -> None:
    job = submit(platform)
    with worker_at_work(tmp_path, job, behaviour) as worker:
        begun = time.monotonic()
        worker.process.send_signal(signal.SIGTERM)
        code, took = worker.ended_after(begun)
    assert code == ExitCode.TERMINATED
    assert took < _LONGEST_STOP
    back = platform.jobs.get(job.id)
    assert (back.status, back.attempt, back.failures, back.error) == (Status.PENDING, 1, 0, None)
    assert not worker.folder.exists()


def test_sigint_does_the_same_with_its_own_code(platform: Platform, tmp_path: Path) -> None:
    job = submit(platform)
    with worker_at_work(tmp_path, job, "native") as worker:
        worker.process.send_signal(signal.SIGINT)
        code, _ = worker.ended_after(time.monotonic())
    assert code == ExitCode.INTERRUPTED
    assert platform.jobs.get(job.id).status is Status.PENDING


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [
        ("polite", ExitCode.OK),
        ("sleeping", ExitCode.JOB_TAKEN_AWAY),
        ("native", ExitCode.JOB_TAKEN_AWAY),
    ],
)
def test_cancel_ends_the_work_within_two_seconds(
    platform: Platform, tmp_path: Path, behaviour: str, code: ExitCode
) -> None:
    job = submit(platform)
    with worker_at_work(tmp_path, job, behaviour) as worker:
        cancel_job(platform, tenant=TENANT, job_id=job.id)
        ended, took = worker.ended_after(time.monotonic())
    assert ended == code
    assert took < _LONGEST_STOP + _SLACK
    assert platform.jobs.get(job.id).status is Status.CANCELLED
    assert not worker.folder.exists()


def test_a_purge_ends_the_work_too(platform: Platform, tmp_path: Path) -> None:
    job = submit(platform)
    with worker_at_work(tmp_path, job, "native") as worker:
        purge_job(platform, tenant=TENANT, job_id=job.id)
        ended, took = worker.ended_after(time.monotonic())
    assert ended == ExitCode.JOB_TAKEN_AWAY
    assert took < _LONGEST_STOP + _SLACK
    with pytest.raises(NotFound):
        platform.jobs.get(job.id)


def test_the_time_limit_holds_for_native_work(platform: Platform, tmp_path: Path) -> None:
    job = submit(platform)
    with worker_at_work(tmp_path, job, "native", job_seconds=0.5) as worker:
        ended, _ = worker.ended_after(time.monotonic())
    assert ended == ExitCode.TIME_LIMIT
    failed = platform.jobs.get(job.id)
    assert failed.error is not None
    assert (failed.status, failed.error.code) == (Status.FAILED, "time_limit")


def test_a_job_survives_kill_9_and_is_completed_once(platform: Platform, tmp_path: Path) -> None:
    job = submit(platform)
    with worker_at_work(tmp_path, job, "native", lease_seconds=1.0) as worker:
        stale = platform.jobs.get(job.id)
        worker.process.kill()
        ended, _ = worker.ended_after(time.monotonic())
    assert ended == -signal.SIGKILL
    sweep(platform)
    assert platform.jobs.get(job.id).attempt == 1
    wait_until(lambda: sweep(platform).seen and platform.jobs.get(job.id).attempt == 1)
    assert platform.jobs.get(job.id).status is Status.PENDING
    lost = platform.jobs.get(job.id)
    assert lost.error is not None
    assert (lost.error.code, lost.failures) == ("worker_lost", 1)
    time.sleep(0.1)  # the back-off

    with worker_at_work(tmp_path, job, "quick") as second:
        assert second.process.wait(20) == ExitCode.OK
    done = platform.jobs.get(job.id)
    assert (done.status, done.attempt) == (Status.COMPLETED, 2)
    with pytest.raises(StaleAttempt):
        report_progress(platform, job.id, attempt=1, stage=Stage.TRANSCRIBING, progress=0.9)
    with pytest.raises(StaleAttempt):
        complete_job(platform, stale, transcript("from the grave"))
    assert platform.jobs.get(job.id) == done


def test_a_killed_workers_folder_is_erased_by_a_later_worker(
    platform: Platform, tmp_path: Path
) -> None:
    job, later = submit(platform), submit(platform)
    with worker_at_work(tmp_path, job, "native") as worker:
        worker.process.kill()
        worker.process.wait(10)
        assert (worker.folder / "audio").exists()
    os.utime(worker.folder, (1, 1))
    with worker_at_work(tmp_path, later, "quick") as second:
        second.process.wait(20)
    assert not worker.folder.exists()
