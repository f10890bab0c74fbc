"""Work that is cancelled, purged, over its time, or told to end (without a process)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gpu_job.exit_codes import ExitCode
from gpu_job.held_job import HeldJob
from shared.domain.errors import (
    NotFound,
    StaleAttempt,
)
from shared.domain.job import Job, Status
from shared.ports.platform import Platform
from shared.services.cancel_job import cancel_job, purge_job
from shared.services.claim_job import claim_job
from shared.services.sweep import sweep
from shared.services.work_on_job import complete_job
from tests.support.platform import make_deployment
from tests.support.workers import (
    TENANT,
    ScriptedPipeline,
    make_worker,
    running,
    submit,
    transcript,
    until_stopped,
    wait_until,
)


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    with make_deployment(tmp_path, retry_backoff_seconds=0.05) as deployment:
        yield deployment.platform


def prefix(job: Job) -> str:
    return f"tenants/{job.tenant}/jobs/{job.id}"


def test_cancel_stops_the_work_within_two_seconds_and_the_worker_goes_on(
    platform: Platform,
) -> None:
    job = submit(platform)
    pipeline = ScriptedPipeline(steps=[until_stopped])
    worker = make_worker(platform, pipeline, idle=60.0, heartbeat=0.5)
    with running(worker, job.id):
        assert pipeline.started.wait(5)
        cancel_job(platform, tenant=TENANT, job_id=job.id)
        other = submit(platform)
        took = wait_until(lambda: platform.jobs.get(other.id).status is Status.COMPLETED)
        worker.terminate(ExitCode.TERMINATED)
    assert took < 2.0
    assert platform.jobs.get(job.id).status is Status.CANCELLED
    assert not any("attempt" in blob.key for blob in platform.blobs.list(prefix(job)))


def test_a_purged_job_stops_the_work_and_leaves_nothing(platform: Platform) -> None:
    job = submit(platform)
    pipeline = ScriptedPipeline(steps=[until_stopped])
    with running(make_worker(platform, pipeline), job.id):
        assert pipeline.started.wait(5)
        purge_job(platform, tenant=TENANT, job_id=job.id)
    with pytest.raises(NotFound):
        platform.jobs.get(job.id)
    assert list(platform.blobs.list(prefix(job))) == []


def test_a_completion_after_a_cancel_is_refused_and_its_transcript_erased(
    platform: Platform,
) -> None:
    job = submit(platform)

    def work(_held: HeldJob) -> None:
        cancel_job(platform, tenant=TENANT, job_id=job.id)

    pipeline = ScriptedPipeline(steps=[work])
    make_worker(platform, pipeline, heartbeat=30.0).run(job.id)
    assert platform.jobs.get(job.id).status is Status.CANCELLED
    assert not any("attempt" in blob.key for blob in platform.blobs.list(prefix(job)))


def test_the_time_limit_fails_the_job_and_says_which_it_was(platform: Platform) -> None:
    job = submit(platform)
    pipeline = ScriptedPipeline(steps=[until_stopped])
    begun = time.monotonic()
    code = make_worker(platform, pipeline, job=0.3).run(job.id)
    assert code is ExitCode.JOB_FAILED
    assert time.monotonic() - begun < 2.0
    failed = platform.jobs.get(job.id)
    assert failed.error is not None
    assert (failed.status, failed.error.code) == (Status.FAILED, "time_limit")
    assert "0.3 seconds" in failed.error.detail


def test_a_terminated_worker_gives_its_job_back_unharmed(platform: Platform) -> None:
    job = submit(platform)
    pipeline = ScriptedPipeline(steps=[until_stopped])
    worker = make_worker(platform, pipeline, end_now=pytest.fail)
    with running(worker, job.id) as state:
        assert pipeline.started.wait(5)
        worker.terminate(ExitCode.TERMINATED)
        back = platform.jobs.get(job.id)
    assert state.code is ExitCode.TERMINATED
    assert (back.status, back.attempt, back.failures) == (Status.PENDING, 1, 0)
    assert (back.worker, back.execution, back.error) == (None, None, None)
    make_worker(platform, ScriptedPipeline()).run()
    again = platform.jobs.get(job.id)
    assert (again.status, again.attempt) == (Status.COMPLETED, 2)


def test_an_idle_worker_ends_at_once_when_told_to(platform: Platform) -> None:
    worker = make_worker(platform, ScriptedPipeline(), idle=60.0, end_now=pytest.fail)
    with running(worker) as state:
        time.sleep(0.1)
        begun = time.monotonic()
        worker.terminate(ExitCode.INTERRUPTED)
    assert state.code is ExitCode.INTERRUPTED
    assert time.monotonic() - begun < 1.0


def test_a_worker_told_to_end_before_it_claims_takes_nothing(platform: Platform) -> None:
    job = submit(platform)
    worker = make_worker(platform, ScriptedPipeline(), end_now=pytest.fail)
    worker.terminate(ExitCode.TERMINATED)
    assert worker.run(job.id) is ExitCode.TERMINATED
    assert platform.jobs.get(job.id).attempt == 0


def test_an_attempt_that_was_taken_over_can_write_nothing(platform: Platform) -> None:
    job = submit(platform)
    short = replace(platform, timing=replace(platform.timing, lease_seconds=0.05))
    stale = claim_job(short, job.id, worker="slow", execution=None)
    assert stale is not None
    time.sleep(0.1)
    sweep(platform)
    time.sleep(0.1)
    make_worker(platform, ScriptedPipeline()).run(job.id)
    done = platform.jobs.get(job.id)
    assert (done.status, done.attempt, done.failures) == (Status.COMPLETED, 2, 1)
    with pytest.raises(StaleAttempt):
        complete_job(platform, stale, transcript("from the grave"))
    assert platform.jobs.get(job.id) == done
    keys = [blob.key for blob in platform.blobs.list(prefix(job)) if "attempt" in blob.key]
    assert done.result is not None
    assert keys == [done.result.key]


def test_completing_twice_keeps_the_transcript(platform: Platform) -> None:
    job = submit(platform)
    held = claim_job(platform, job.id, worker="w", execution=None)
    assert held is not None
    first = complete_job(platform, held, transcript())
    again = complete_job(platform, held, transcript())
    assert again.version >= first.version
    assert again.result is not None
    assert platform.blobs.exists(again.result.key)
