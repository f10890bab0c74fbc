"""The worker when its store is silent, and when its engine does not stop (without a process)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gpu_job import worker as worker_module
from gpu_job.exit_codes import ExitCode
from gpu_job.held_job import HeldJob
from shared.domain.errors import SourceError, StaleAttempt, Unavailable
from shared.domain.job import Status
from shared.ports.platform import Platform
from shared.services.cancel_job import cancel_job
from tests.support.faults import Faults, be_unavailable, breakable
from tests.support.platform import make_deployment
from tests.support.workers import (
    TENANT,
    ScriptedPipeline,
    make_worker,
    running,
    submit,
    until_stopped,
    wait_until,
)


@pytest.fixture
def sound(tmp_path: Path) -> Iterator[Platform]:
    with make_deployment(tmp_path, retry_backoff_seconds=0.05) as deployment:
        yield deployment.platform


@pytest.fixture
def faults() -> Faults:
    return Faults()


@pytest.fixture
def platform(sound: Platform, faults: Faults) -> Platform:
    return breakable(sound, faults)


class StuckEngine:
    """Does not stop when asked; `end_now` takes the place of the end of the process."""

    def __init__(self) -> None:
        self._released = threading.Event()
        self.codes: list[ExitCode] = []
        self.folders: list[Path | None] = []

    def work(self, _held: HeldJob) -> None:
        assert self._released.wait(20)

    def end_now(self, code: ExitCode, folder: Path | None) -> None:
        self.codes.append(code)
        self.folders.append(folder)
        self._released.set()


def test_a_completion_whose_answer_was_lost_stands(
    platform: Platform, sound: Platform, faults: Faults
) -> None:
    job = submit(sound)

    def step(_held: HeldJob) -> None:
        faults.once("after jobs.replace", be_unavailable)

    pipeline = ScriptedPipeline(steps=[step])
    assert make_worker(platform, pipeline, heartbeat=30.0).run(job.id) is ExitCode.OK
    done = sound.jobs.get(job.id)
    assert (done.status, done.attempt) == (Status.COMPLETED, 1)
    assert done.result is not None
    assert sound.blobs.exists(done.result.key)


@pytest.mark.parametrize("point", ["before jobs.replace", "before blobs.put", "before jobs.get"])
def test_a_store_that_is_silent_for_a_moment_does_not_cost_the_work(
    platform: Platform, sound: Platform, faults: Faults, point: str
) -> None:
    job = submit(sound)

    def step(_held: HeldJob) -> None:
        for _ in range(3):
            faults.once(point, be_unavailable)

    pipeline = ScriptedPipeline(steps=[step])
    assert make_worker(platform, pipeline, heartbeat=30.0).run(job.id) is ExitCode.OK
    assert pipeline.served == [(job.id, 1)]
    assert sound.jobs.get(job.id).status is Status.COMPLETED


def test_work_stops_when_the_lease_has_run_out_unrenewed(
    platform: Platform, sound: Platform, faults: Faults
) -> None:
    short = replace(platform, timing=replace(platform.timing, lease_seconds=0.3))
    job = submit(sound)

    def step(held: HeldJob) -> None:
        faults.always("before jobs.get")
        try:
            until_stopped(held)
        finally:
            faults.clear()

    make_worker(short, ScriptedPipeline(steps=[step])).run(job.id)
    after = sound.jobs.get(job.id)
    assert (after.status, after.attempt) == (Status.PROCESSING, 1)  # the sweep's to mend
    assert after.result is None


def test_a_failure_that_can_not_be_recorded_is_left_to_the_lease(
    platform: Platform, sound: Platform, faults: Faults
) -> None:
    short = replace(platform, timing=replace(platform.timing, lease_seconds=0.2))
    job = submit(sound)

    def step(_held: HeldJob) -> None:
        faults.always("before jobs.replace")
        raise SourceError("bad")

    pipeline = ScriptedPipeline(steps=[step])
    code = make_worker(short, pipeline, heartbeat=30.0).run(job.id)
    assert code is ExitCode.JOB_RETRYING
    assert sound.jobs.get(job.id).status is Status.PROCESSING


def test_a_store_that_stays_silent_ends_the_worker_with_its_own_code(
    platform: Platform, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "STORE_PATIENCE_SECONDS", 0.1)
    faults.always("before jobs.pending")
    code = make_worker(platform, ScriptedPipeline()).run()
    assert code is ExitCode.PLATFORM_UNAVAILABLE


def test_a_store_that_will_never_answer_is_not_asked_again(
    platform: Platform, faults: Faults
) -> None:
    def broken() -> None:
        raise Unavailable("the folder is gone", retryable=False)

    faults.always("before jobs.pending", broken)
    code = make_worker(platform, ScriptedPipeline()).run()
    assert code is ExitCode.PLATFORM_UNAVAILABLE


def test_a_worker_waits_for_a_store_that_comes_back(
    platform: Platform, sound: Platform, faults: Faults
) -> None:
    job = submit(sound)
    faults.once("before jobs.get", be_unavailable)
    assert make_worker(platform, ScriptedPipeline()).run(job.id) is ExitCode.OK
    assert sound.jobs.get(job.id).status is Status.COMPLETED


def test_an_engine_that_ignores_a_cancel_is_ended_with_the_process(sound: Platform) -> None:
    job, engine = submit(sound), StuckEngine()
    pipeline = ScriptedPipeline(steps=[engine.work])
    worker = make_worker(sound, pipeline, end_now=engine.end_now)
    with running(worker, job.id):
        assert pipeline.started.wait(5)
        cancel_job(sound, tenant=TENANT, job_id=job.id)
        took = wait_until(lambda: engine.codes)
    assert took < 2.0
    assert engine.codes == [ExitCode.JOB_TAKEN_AWAY]
    assert engine.folders == pipeline.folders
    assert sound.jobs.get(job.id).status is Status.CANCELLED


def test_an_engine_that_ignores_the_time_limit_is_ended_after_the_record_tells(
    sound: Platform,
) -> None:
    job, engine = submit(sound), StuckEngine()
    seen: list[Status] = []

    def end_now(code: ExitCode, folder: Path | None) -> None:
        seen.append(sound.jobs.get(job.id).status)
        engine.end_now(code, folder)

    pipeline = ScriptedPipeline(steps=[engine.work])
    make_worker(sound, pipeline, job=0.2, end_now=end_now).run(job.id)
    assert seen == [Status.FAILED]
    assert engine.codes == [ExitCode.TIME_LIMIT]


def test_an_engine_that_ignores_a_signal_is_ended_after_the_job_is_given_back(
    sound: Platform,
) -> None:
    job, engine = submit(sound), StuckEngine()
    pipeline = ScriptedPipeline(steps=[engine.work])
    worker = make_worker(sound, pipeline, end_now=engine.end_now)
    with running(worker, job.id):
        assert pipeline.started.wait(5)
        worker.terminate(ExitCode.TERMINATED)
        assert sound.jobs.get(job.id).status is Status.PENDING
        assert engine.codes == []
        took = wait_until(lambda: engine.codes)
    assert took < 2.0
    assert engine.codes == [ExitCode.TERMINATED]


def test_a_job_that_can_not_be_given_back_does_not_keep_the_process(
    platform: Platform, sound: Platform, faults: Faults
) -> None:
    job = submit(sound)
    pipeline = ScriptedPipeline(steps=[until_stopped])
    worker = make_worker(platform, pipeline, heartbeat=30.0, end_now=pytest.fail)
    with running(worker, job.id) as state:
        assert pipeline.started.wait(5)
        faults.always("before jobs.replace")
        worker.terminate(ExitCode.TERMINATED)
    assert state.code is ExitCode.TERMINATED
    assert sound.jobs.get(job.id).status is Status.PROCESSING


def test_a_failure_after_a_cancel_changes_nothing(sound: Platform) -> None:
    job = submit(sound)

    def step(_held: HeldJob) -> None:
        cancel_job(sound, tenant=TENANT, job_id=job.id)
        raise StaleAttempt("whatever")

    make_worker(sound, ScriptedPipeline(steps=[step]), heartbeat=30.0).run(job.id)
    after = sound.jobs.get(job.id)
    assert (after.status, after.error) == (Status.CANCELLED, None)
