"""Models are loaded while the audio is on its way, and a model that won't load changes nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from gpu_job.exit_codes import ExitCode
from gpu_job.held_job import HeldJob
from gpu_job.pipeline import TranscriptionPipeline
from gpu_job.steps.take_source import make_source_taker
from gpu_job.stopwatch import Stopwatch
from gpu_job.warming import in_background
from shared.domain.errors import ModelUnavailable, WorkerError
from shared.domain.job import Job, Status
from shared.domain.options import TranscriptionOptions
from shared.ports.platform import Platform
from tests.support.platform import make_deployment, make_settings
from tests.support.resumable import ResumableEngines
from tests.support.workers import make_worker, submit, wait_until


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    with make_deployment(tmp_path, retry_backoff_seconds=0.05) as deployment:
        yield deployment.platform


def make(
    platform: Platform,
    fake: ResumableEngines,
    prepare: Callable[[TranscriptionOptions], object],
    **changes: Any,
) -> TranscriptionPipeline:
    chosen = make_settings(Path("unused"))
    pipeline = TranscriptionPipeline(
        take_source=make_source_taker(chosen, platform.blobs),
        engines=dataclasses.replace(fake.engines(), prepare=prepare),
        models=chosen.model_policy,
        max_seconds=100.0,
    )
    return dataclasses.replace(pipeline, **changes)


def run(platform: Platform, pipeline: TranscriptionPipeline, job: Job) -> ExitCode:
    wait_until(lambda: (platform.jobs.get(job.id).not_before or 0.0) < platform.clock.now())
    return make_worker(platform, pipeline, execution="e1").run(job.id)


def test_loading_begins_before_the_audio_is_there(platform: Platform) -> None:
    job, loaded = submit(platform, diarize=True), Event()
    take = make_source_taker(make_settings(Path("unused")), platform.blobs)

    def take_after_loading(held: HeldJob, folder: Path, watch: Stopwatch) -> Path:
        assert loaded.wait(10), "nothing was loaded while the audio was fetched"
        return take(held, folder, watch)

    pipeline = make(
        platform,
        ResumableEngines(),
        lambda _: in_background([loaded.set]),
        take_source=take_after_loading,
    )
    assert run(platform, pipeline, job) is ExitCode.OK


def test_a_model_that_does_not_load_ahead_is_no_failure_by_itself(platform: Platform) -> None:
    job = submit(platform)
    begun: list[str] = []

    def missing() -> None:
        begun.append("missing")
        raise ModelUnavailable("no weights")

    pipeline = make(platform, ResumableEngines(), lambda _: in_background([missing]))
    assert run(platform, pipeline, job) is ExitCode.OK
    assert begun == ["missing"]


def test_an_attempt_that_goes_on_loads_only_what_the_first_one_chose(platform: Platform) -> None:
    job = submit(platform)
    prepared: list[str] = []
    fake = ResumableEngines()

    def fail_once(first: int) -> None:
        if first == 4 and fake.planned == 1 and len(prepared) == 1:
            prepared.append("failed")
            wait_until(lambda: (platform.jobs.get(job.id).saved or None) is not None)
            raise WorkerError("the engine broke", code="engine_failed")

    fake.before_batch = fail_once
    pipeline = make(platform, fake, lambda _: prepared.append("asked"))
    assert run(platform, pipeline, job) is ExitCode.JOB_RETRYING
    assert run(platform, pipeline, job) is ExitCode.OK
    assert prepared == ["asked", "failed"]


def test_what_another_release_of_an_engine_began_is_not_gone_on_with(platform: Platform) -> None:
    job = submit(platform)
    failed: list[int] = []
    fake = ResumableEngines()

    def fail_once(first: int) -> None:
        if first == 4 and not failed:
            failed.append(first)
            wait_until(lambda: (saved := platform.jobs.get(job.id).saved) and saved.done == 4)
            raise WorkerError("the engine broke", code="engine_failed")

    fake.before_batch = fail_once
    before = make(platform, fake, lambda _: None, libraries=("ctranslate2==4.6.0",))
    assert run(platform, before, job) is ExitCode.JOB_RETRYING
    after = make(platform, fake, lambda _: None, libraries=("ctranslate2==4.7.0",))
    assert run(platform, after, job) is ExitCode.OK
    assert platform.jobs.get(job.id).status is Status.COMPLETED
    assert fake.decoded == [0, 1, 2, 3, *range(10)], "all of it, by one release"
