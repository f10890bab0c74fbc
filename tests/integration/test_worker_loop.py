"""The worker on a real SQLite platform; what it transcribes with is scripted."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from gpu_job.exit_codes import ExitCode
from gpu_job.held_job import HeldJob
from gpu_job.progress import Step
from shared.domain.codec import from_document
from shared.domain.errors import (
    SourceError,
    Unavailable,
    UrlRefused,
    WorkerError,
)
from shared.domain.job import Job, Stage, Status
from shared.domain.transcript import Transcript
from shared.logs import LogContext
from shared.ports.platform import Platform
from shared.services.sweep import sweep
from tests.support.platform import make_deployment
from tests.support.workers import (
    ScriptedPipeline,
    make_worker,
    running,
    submit,
    transcript,
    wait_until,
)


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    with make_deployment(tmp_path, retry_backoff_seconds=0.05) as deployment:
        yield deployment.platform


def raising(error: Exception) -> Callable[[HeldJob], object]:
    def step(_held: HeldJob) -> None:
        raise error

    return step


def test_a_job_is_completed_and_its_transcript_stored(platform: Platform) -> None:
    job = submit(platform)
    assert make_worker(platform, ScriptedPipeline(), execution="e1").run(job.id) is ExitCode.OK
    done = platform.jobs.get(job.id)
    assert (done.status, done.stage, done.progress) == (Status.COMPLETED, Stage.DONE, 1.0)
    assert (done.attempt, done.worker, done.execution) == (1, "worker-1", "e1")
    assert done.result is not None
    stored = json.loads(platform.blobs.read(done.result.key))
    assert from_document(Transcript, stored) == transcript()


def test_the_named_job_comes_first_and_then_whatever_waits(platform: Platform) -> None:
    first, second, third = (submit(platform) for _ in range(3))
    pipeline = ScriptedPipeline()
    assert make_worker(platform, pipeline).run(second.id) is ExitCode.OK
    assert pipeline.served == [(second.id, 1), (first.id, 1), (third.id, 1)]


def test_a_named_job_that_is_not_to_be_had_is_no_fault(platform: Platform) -> None:
    assert make_worker(platform, ScriptedPipeline()).run("job_unknown") is ExitCode.OK


def test_an_idle_worker_looks_as_seldom_as_it_is_told(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[float] = []
    pending = platform.jobs.pending

    def look(*, now: float, limit: int) -> Sequence[Job]:
        looks.append(now)
        return pending(now=now, limit=limit)

    monkeypatch.setattr(platform.jobs, "pending", look)
    assert make_worker(platform, ScriptedPipeline(), idle=0.9, poll=0.4).run() is ExitCode.OK
    assert 2 <= len(looks) <= 4


def test_a_warm_worker_takes_what_comes_before_it_has_been_idle_for_long(
    platform: Platform,
) -> None:
    pipeline = ScriptedPipeline()
    worker = make_worker(platform, pipeline, idle=60.0)
    with running(worker) as state:
        for _ in range(2):
            job = submit(platform)
            took = wait_until(lambda job=job: platform.jobs.get(job.id).finished)  # type: ignore[misc]
            assert took < 1.0  # the poll, and two writes
        worker.terminate(ExitCode.TERMINATED)
    assert state.code is ExitCode.TERMINATED
    assert len(pipeline.served) == 2


@pytest.mark.parametrize(
    "error",
    [
        SourceError("no audio in it", code="no_audio_stream"),
        SourceError("empty", code="empty_file"),
        UrlRefused("private address"),
    ],
)
def test_the_callers_fault_fails_the_job_at_once(
    platform: Platform, error: SourceError | UrlRefused
) -> None:
    job = submit(platform)
    pipeline = ScriptedPipeline(steps=[raising(error)])
    assert make_worker(platform, pipeline).run(job.id) is ExitCode.JOB_FAILED
    failed = platform.jobs.get(job.id)
    assert (failed.status, failed.attempt, failed.failures) == (Status.FAILED, 1, 1)
    assert failed.error is not None
    assert (failed.error.code, failed.error.detail) == (error.code, error.detail)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (WorkerError("engine broke", code="engine_failed"), "engine_failed"),
        (MemoryError(), "out_of_memory"),
        (RuntimeError("hunter2"), "internal_error"),
        (Unavailable("bucket is gone"), "unavailable"),
    ],
)
def test_our_fault_is_tried_again_and_then_fails(
    platform: Platform, error: Exception, code: str
) -> None:
    job = submit(platform)
    pipeline = ScriptedPipeline(steps=[raising(error)] * 3)
    assert make_worker(platform, pipeline, idle=0.6).run(job.id) is ExitCode.OK
    assert pipeline.served == [(job.id, 1), (job.id, 2), (job.id, 3)]
    failed = platform.jobs.get(job.id)
    assert (failed.status, failed.failures) == (Status.FAILED, 3)
    assert failed.error is not None
    assert failed.error.code == code
    assert "hunter2" not in failed.error.detail


def test_nobody_hears_of_a_failure_before_the_last_attempt(tmp_path: Path) -> None:
    with make_deployment(tmp_path, retry_backoff_seconds=0.05) as deployment:
        job = submit(deployment.platform)
        heard: list[list[str]] = []

        def step(_held: HeldJob) -> None:
            received = deployment.event_queue.receive(visibility_seconds=300)
            heard.append(sorted(json.loads(message.body)["type"] for message in received))
            raise WorkerError("again")

        pipeline = ScriptedPipeline(steps=[step] * 3)
        make_worker(deployment.platform, pipeline, idle=0.6).run(job.id)
        last = deployment.event_queue.receive()
    assert heard == [["transcription.processing"], [], []]
    assert [json.loads(message.body)["type"] for message in last] == ["transcription.failed"]


def test_an_attempt_after_a_failed_one_completes(platform: Platform) -> None:
    job = submit(platform)
    pipeline = ScriptedPipeline(steps=[raising(WorkerError("once"))])
    make_worker(platform, pipeline, idle=0.5).run(job.id)
    done = platform.jobs.get(job.id)
    assert (done.status, done.attempt, done.error) == (Status.COMPLETED, 2, None)


def test_a_worker_of_one_job_tells_of_a_retry_by_its_exit_code(platform: Platform) -> None:
    job = submit(platform)
    pipeline = ScriptedPipeline(steps=[raising(WorkerError("once"))])
    assert make_worker(platform, pipeline).run(job.id) is ExitCode.JOB_RETRYING


def test_folders_are_erased_however_the_attempt_ends(platform: Platform) -> None:
    for _ in range(2):
        submit(platform)
    pipeline = ScriptedPipeline(steps=[raising(SourceError("bad"))])
    make_worker(platform, pipeline).run()
    assert len(pipeline.folders) == 2
    assert not any(folder.exists() for folder in pipeline.folders)


def test_progress_reaches_the_record_as_it_is_measured(platform: Platform) -> None:
    job = submit(platform)
    seen: list[tuple[Stage, float, float | None]] = []

    def work(held: HeldJob) -> None:
        held.progress.audio_seconds = 10.0
        held.progress.enter(Step.TRANSCRIBE)
        for second in (2.0, 5.0, 8.0):
            held.progress.advance(Step.TRANSCRIBE, second, 10.0)
            expected = pytest.approx(held.progress.value)
            wait_until(lambda e=expected: platform.jobs.get(job.id).progress == e)  # type: ignore[misc]
            now = platform.jobs.get(job.id)
            seen.append((now.stage, now.progress, now.audio_seconds))

    make_worker(platform, ScriptedPipeline(steps=[work])).run(job.id)
    assert [stage for stage, _, _ in seen] == [Stage.TRANSCRIBING] * 3
    assert [audio for _, _, audio in seen] == [10.0] * 3
    values = [value for _, value, _ in seen]
    assert 0.0 < values[0] < values[1] < values[2] < 1.0


def test_the_lease_is_renewed_while_the_work_goes_on(platform: Platform) -> None:
    short = replace(platform, timing=replace(platform.timing, lease_seconds=0.4))
    job = submit(short)

    def work(_held: HeldJob) -> None:
        for _ in range(12):
            time.sleep(0.1)
            sweep(short)

    make_worker(short, ScriptedPipeline(steps=[work])).run(job.id)
    done = platform.jobs.get(job.id)
    assert (done.status, done.attempt) == (Status.COMPLETED, 1)


def test_log_lines_of_an_attempt_name_job_and_attempt(
    platform: Platform, caplog: pytest.LogCaptureFixture
) -> None:
    context = LogContext()
    caplog.handler.addFilter(context.filter)
    caplog.set_level(logging.INFO)
    job = submit(platform)
    make_worker(platform, ScriptedPipeline(), log_context=context).run(job.id)
    lines = [vars(record) for record in caplog.records if record.name == "gpu_job.worker"]
    assert [line["message"] for line in lines] == ["claimed", "done", "no more jobs"]
    assert all((line["job_id"], line["attempt"]) == (job.id, 1) for line in lines[:2])
    assert "job_id" not in lines[2]
