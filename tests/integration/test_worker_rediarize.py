"""Rediarizations in a worker on a real SQLite platform, with engines that tests write."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gpu_job.exit_codes import ExitCode
from gpu_job.pipeline import TranscriptionPipeline
from gpu_job.rediarization import PipelineByKind, RediarizationPipeline
from gpu_job.steps.take_source import make_source_taker
from shared.domain.errors import WorkerError
from shared.domain.job import Job, JobKind, Status
from shared.domain.options import DiarizationArgs, OutputOptions
from shared.domain.transcript import Turn
from shared.ports.platform import Platform
from shared.services.cancel_job import purge_job
from shared.services.rediarize_job import Rediarization, rediarize_job
from tests.support.fake_engines import FakeEngines
from tests.support.platform import make_deployment, make_settings
from tests.support.workers import TENANT, make_worker, result_of, submit

ONE = DiarizationArgs(num_speakers=1)


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    with make_deployment(tmp_path, retry_backoff_seconds=0.05) as deployment:
        yield deployment.platform


def run(platform: Platform, fake: FakeEngines, job: Job) -> ExitCode:
    settings = make_settings(Path("unused"))
    pipeline = PipelineByKind(
        pipelines={
            JobKind.TRANSCRIPTION: TranscriptionPipeline(
                take_source=make_source_taker(settings, platform.blobs),
                engines=fake.engines(),
                models=settings.model_policy,
                max_seconds=60.0,
            ),
            JobKind.REDIARIZATION: RediarizationPipeline(diarizer=fake.load_diarizer),
        }
    )
    return make_worker(platform, pipeline, execution="e1").run(job.id)


def again(platform: Platform, parent: Job, args: DiarizationArgs = ONE) -> Job:
    asked = Rediarization(tenant=TENANT, job_id=parent.id, args=args)
    return rediarize_job(platform, asked).job


def failure(platform: Platform, job: Job) -> tuple[Status, str]:
    failed = platform.jobs.get(job.id)
    assert failed.error is not None
    return failed.status, failed.error.code


def test_other_limits_give_another_transcript_without_a_transcription(platform: Platform) -> None:
    fake, parent = FakeEngines(platform), submit(platform, diarize=True)
    assert run(platform, fake, parent) is ExitCode.OK
    before = result_of(platform, parent)
    fake.loads.clear()
    job = again(platform, parent)
    assert run(platform, fake, job) is ExitCode.OK
    result = result_of(platform, job)
    assert fake.loads == ["diarizer"]
    assert [(s.text, s.speakers) for s in result.segments] == [
        ("Hello there. Hi.", ("SPEAKER_00",))
    ]
    assert [total.label for total in result.speakers] == ["SPEAKER_00"]
    assert set(result.timings) == {"fetch", "load", "diarize", "assign_speakers", "total"}
    assert (result.language, result.duration, result.model, result.warnings) == (
        before.language, before.duration, before.model, before.warnings,
    )  # fmt: skip
    assert result_of(platform, parent) == before


def test_its_own_voices_outlive_the_finished_job_and_can_be_grouped_again(
    platform: Platform,
) -> None:
    fake, parent = FakeEngines(platform), submit(platform, diarize=True)
    run(platform, fake, parent)
    job = again(platform, parent)
    run(platform, fake, job)
    purge_job(platform, tenant=TENANT, job_id=parent.id)
    third = again(platform, job, DiarizationArgs())
    assert run(platform, fake, third) is ExitCode.OK
    assert len(result_of(platform, third).segments) == 2
    for left in (job, third):
        purge_job(platform, tenant=TENANT, job_id=left.id)
    assert list(platform.blobs.list("tenants")) == []


def test_speakers_are_told_by_words_that_the_result_does_not_show(platform: Platform) -> None:
    fake = FakeEngines(platform)
    plain = OutputOptions(word_timestamps=False, extra_data=False)
    parent = submit(platform, diarize=True, output_options=plain)
    run(platform, fake, parent)
    job = again(platform, parent, DiarizationArgs())
    run(platform, fake, job)
    result = result_of(platform, job)
    assert [segment.text for segment in result.segments] == ["Hello there.", "Hi."]
    assert not any(segment.words for segment in result.segments)


def test_a_job_erased_meanwhile_is_told_and_not_tried_again(platform: Platform) -> None:
    fake, parent = FakeEngines(platform), submit(platform, diarize=True)
    run(platform, fake, parent)
    job = again(platform, parent)
    purge_job(platform, tenant=TENANT, job_id=parent.id)
    assert run(platform, fake, job) is ExitCode.JOB_FAILED
    assert failure(platform, job) == (Status.FAILED, "source_job_erased")


@dataclass
class Another(FakeEngines):
    """A diarizer of another version."""

    code: str = "voices_unreadable"

    def regroup(self, voices: bytes, args: DiarizationArgs) -> tuple[Turn, ...]:
        raise WorkerError("these voices are of another version", code=self.code, retryable=False)


@pytest.mark.parametrize("code", ["voices_unreadable", "engine_failed"])
def test_voices_of_another_diarizer_fail_with_what_to_do(platform: Platform, code: str) -> None:
    parent = submit(platform, diarize=True)
    run(platform, FakeEngines(platform), parent)
    job = again(platform, parent)
    assert run(platform, Another(platform, code=code), job) is ExitCode.JOB_FAILED
    assert failure(platform, job) == (Status.FAILED, code)
    error = platform.jobs.get(job.id).error
    assert error is not None
    assert ("diarize: true" in error.detail) is (code == "voices_unreadable")


def test_a_kind_that_a_worker_does_not_know_is_left_to_another(platform: Platform) -> None:
    job = submit(platform)
    worker = make_worker(platform, PipelineByKind(pipelines={}), execution="e1")
    worker.run(job.id)
    status, code = failure(platform, job)
    assert (status in {Status.PENDING, Status.FAILED}, code) == (True, "unknown_kind")
