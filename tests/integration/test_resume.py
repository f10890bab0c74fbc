"""What an attempt has finished is not done again, and never mixed with another's."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

import pytest

from gpu_job.exit_codes import ExitCode
from gpu_job.pipeline import TranscriptionPipeline
from gpu_job.steps.take_source import make_source_taker
from shared.domain.errors import NotFound, Stopped, Unavailable, WorkerError
from shared.domain.job import Job, Status
from shared.domain.saved_work import SavedWork
from shared.domain.transcript import Turn
from shared.ports.platform import Platform
from shared.services.cancel_job import purge_job
from shared.services.keys_of_blobs import job_prefix, part_key
from shared.services.saved_parts import read_parts
from tests.support.faults import Faults, breakable
from tests.support.platform import make_deployment, make_settings
from tests.support.resumable import BATCH, ResumableEngines, segment_at
from tests.support.workers import make_worker, result_of, running, submit, wait_until


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    with make_deployment(tmp_path, retry_backoff_seconds=0.05) as deployment:
        yield deployment.platform


def work(
    platform: Platform, job: Job, fake: ResumableEngines, *, side_by_side: bool = False
) -> ExitCode:
    chosen = make_settings(Path("unused"))
    pipeline = TranscriptionPipeline(
        take_source=make_source_taker(chosen, platform.blobs),
        engines=fake.engines(),
        models=chosen.model_policy,
        max_seconds=100.0,
        side_by_side=side_by_side,
    )
    code = ExitCode.JOB_RETRYING
    while code is ExitCode.JOB_RETRYING:
        wait_until(lambda: (platform.jobs.get(job.id).not_before or 0.0) < platform.clock.now())
        code = make_worker(platform, pipeline, execution="e1").run(job.id)
    return code


def saved(platform: Platform, job: Job) -> SavedWork:
    found = platform.jobs.get(job.id).saved
    assert found is not None
    return found


def failing_at(second: int, platform: Platform, job: Job) -> Callable[[int], None]:
    """Once, when the batch at `second` is to begin and everything before it is saved."""
    failed: list[int] = []

    def fail(first: int) -> None:
        if first == second and not failed:
            failed.append(first)
            wait_until(lambda: saved(platform, job).done == second)
            raise WorkerError("the engine broke", code="engine_failed")

    return fail


def texts(platform: Platform, job: Job) -> list[str]:
    return [segment.text for segment in result_of(platform, job).segments]


EVERY_WORD = [segment_at(second).text for second in range(10)]


def test_the_next_attempt_goes_on_after_the_last_finished_batch(platform: Platform) -> None:
    job = submit(platform)
    fake = ResumableEngines(before_batch=failing_at(6, platform, job))
    work(platform, job, fake)
    done = platform.jobs.get(job.id)
    assert (done.status, done.attempt) == (Status.COMPLETED, 2)
    assert texts(platform, job) == EVERY_WORD
    assert [segment.id for segment in result_of(platform, job).segments] == list(range(10))
    assert fake.decoded == list(range(10)), "nothing was decoded twice"
    assert (fake.planned, fake.detected) == (1, 1)
    assert result_of(platform, job).language_probability == 0.75


def test_progress_of_the_next_attempt_begins_where_the_work_does(platform: Platform) -> None:
    job = submit(platform)
    fake = ResumableEngines(before_batch=failing_at(8, platform, job))
    seen: list[float] = []

    def look(first: int) -> None:
        record = platform.jobs.get(job.id)
        if record.attempt == 2 and first == 8:
            wait_until(lambda: platform.jobs.get(job.id).progress > 0.6)
            seen.append(platform.jobs.get(job.id).progress)

    fail = fake.before_batch

    def both(first: int) -> None:
        fail(first)
        look(first)

    fake.before_batch = both
    work(platform, job, fake)
    assert seen
    assert seen[0] < 0.95


@pytest.mark.parametrize("side_by_side", [False, True])
def test_voices_that_were_heard_are_not_listened_to_again(
    platform: Platform, *, side_by_side: bool
) -> None:
    job = submit(platform, diarize=True)
    fake = ResumableEngines()
    broken: list[int] = []

    def break_later(first: int) -> None:
        if side_by_side and first == 8 and not broken:
            broken.append(first)
            wait_until(lambda: saved(platform, job).voices == 1)
            raise WorkerError("the engine broke", code="engine_failed")

    fake.before_batch = break_later
    if not side_by_side:
        platform = _breaking_completion(platform)
    work(platform, job, fake, side_by_side=side_by_side)
    assert platform.jobs.get(job.id).status is Status.COMPLETED
    assert fake.diarized == 1
    assert fake.decoded == list(range(10))
    assert [segment.speakers for segment in result_of(platform, job).segments] == [
        *[("SPEAKER_00",)] * 5,
        *[("SPEAKER_01",)] * 5,
    ]


def test_words_go_by_the_turns_that_an_earlier_attempt_heard(platform: Platform) -> None:
    job = submit(platform, diarize=True)
    only = (Turn(start=0.0, end=10.0, speaker="SPEAKER_01"),)
    fake = ResumableEngines(exclusive=only)
    work(_breaking_completion(platform), job, fake)
    assert (fake.diarized, platform.jobs.get(job.id).attempt) == (1, 2)
    assert {segment.speakers for segment in result_of(platform, job).segments} == {("SPEAKER_01",)}


def _breaking_completion(platform: Platform) -> Platform:
    """The store refuses the first transcript for good, so the attempt fails after all its work."""
    broken: list[str] = []

    class Store:
        def __getattr__(self, name: str) -> object:
            return getattr(platform.blobs, name)

        def put(self, key: str, chunks: object, **more: object) -> object:
            if key.endswith("transcript.json") and not broken:
                broken.append(key)
                raise WorkerError("no room", code="disk_full")
            return platform.blobs.put(key, chunks, **more)  # type: ignore[arg-type]

    return dataclasses.replace(platform, blobs=Store())  # type: ignore[arg-type]


def test_other_samples_are_begun_anew_and_readers_are_told(platform: Platform) -> None:
    job = submit(platform)
    fake = ResumableEngines(before_batch=failing_at(6, platform, job))
    real = fake.decode
    calls: list[str] = []

    def decode(*args: object, **more: object) -> object:
        calls.append("x")
        return dataclasses.replace(real(*args, **more), digest=f"samples {len(calls)}")  # type: ignore[arg-type]

    fake.decode = decode  # type: ignore[method-assign, assignment]
    edition: list[int] = []
    hook = fake.before_batch

    def look(first: int) -> None:
        hook(first)
        if len(calls) == 2 and first == 8:
            wait_until(lambda: saved(platform, job).edition == 1)
            edition.append(saved(platform, job).edition)

    fake.before_batch = look
    work(platform, job, fake)
    assert texts(platform, job) == EVERY_WORD
    assert fake.decoded == [*range(6), *range(10)]
    assert edition == [1]


def test_parts_that_are_gone_are_begun_anew(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gpu_job.checkpoints._READ_SECONDS", 0.2)
    job = submit(platform)
    fail = failing_at(6, platform, job)

    def lose(first: int) -> None:
        try:
            fail(first)
        except WorkerError:
            platform.blobs.delete(part_key(platform.jobs.get(job.id), 1, 0))
            raise

    fake = ResumableEngines(before_batch=lose)
    work(platform, job, fake)
    assert texts(platform, job) == EVERY_WORD
    assert fake.decoded == [*range(6), *range(10)]


def test_a_silent_store_costs_the_saving_and_not_the_job(platform: Platform) -> None:
    faults = Faults()
    broken = breakable(platform, faults)
    job = submit(platform)

    class Store:
        def __getattr__(self, name: str) -> object:
            return getattr(broken.blobs, name)

        def put(self, key: str, chunks: object, **more: object) -> object:
            if "/parts/" in key or key.endswith("plan.json"):
                raise Unavailable("silent")
            return broken.blobs.put(key, chunks, **more)  # type: ignore[arg-type]

    silent = dataclasses.replace(platform, blobs=Store())  # type: ignore[arg-type]
    assert work(silent, job, ResumableEngines()) is ExitCode.OK
    assert texts(platform, job) == EVERY_WORD


def test_what_attempts_saved_for_each_other_goes_and_what_is_kept_goes_with_the_job(
    platform: Platform,
) -> None:
    job = submit(platform, diarize=True, audio=b"RIFF")
    fake = ResumableEngines(before_batch=failing_at(6, platform, job))
    work(platform, job, fake)
    done = platform.jobs.get(job.id)
    assert done.result is not None
    assert done.result.kept is not None
    prefix = job_prefix(job.tenant, job.id)
    left = {info.key for info in platform.blobs.list(prefix)} - {done.source.key}
    assert left == {done.result.key, done.result.kept.heard, done.result.kept.voices}
    assert platform.blobs.read(done.result.kept.voices) == b"voices"
    purge_job(platform, tenant=job.tenant, job_id=job.id)
    assert list(platform.blobs.list(prefix)) == []
    with pytest.raises(NotFound):
        platform.jobs.get(job.id)


def test_a_job_without_diarization_keeps_no_voices(platform: Platform) -> None:
    job = submit(platform)
    work(platform, job, ResumableEngines())
    result = platform.jobs.get(job.id).result
    assert result is not None
    assert result.kept is None


def test_finished_batches_are_listed_while_the_rest_is_at_work(platform: Platform) -> None:
    job = submit(platform)
    go_on, seen = Event(), []

    def wait(first: int) -> None:
        if first == 3 * BATCH:
            assert go_on.wait(10)

    fake = ResumableEngines(before_batch=wait)
    chosen = make_settings(Path("unused"))
    pipeline = TranscriptionPipeline(
        take_source=make_source_taker(chosen, platform.blobs),
        engines=fake.engines(),
        models=chosen.model_policy,
        max_seconds=100.0,
    )
    with running(make_worker(platform, pipeline), job.id):
        wait_until(lambda: platform.jobs.get(job.id).saved is not None)
        wait_until(lambda: saved(platform, job).segments == 3 * BATCH)
        record = platform.jobs.get(job.id)
        parts = list(read_parts(platform, record))
        seen = [segment.text for part in parts for segment in part.segments]
        assert record.status is Status.PROCESSING
        assert (parts[-1].done, parts[-1].language) == (3.0 * BATCH, "en")
        go_on.set()
    assert seen == EVERY_WORD[: 3 * BATCH]


def test_a_worker_told_to_end_gives_the_job_back_with_its_parts(platform: Platform) -> None:
    job = submit(platform)
    told = Event()

    def wait(first: int) -> None:
        if first == 2 * BATCH and not told.is_set():
            assert told.wait(10)
            raise Stopped("told to")

    fake = ResumableEngines(before_batch=wait)
    chosen = make_settings(Path("unused"))
    pipeline = TranscriptionPipeline(
        take_source=make_source_taker(chosen, platform.blobs),
        engines=fake.engines(),
        models=chosen.model_policy,
        max_seconds=100.0,
    )
    worker = make_worker(platform, pipeline)
    with running(worker, job.id):
        wait_until(lambda: (record := platform.jobs.get(job.id).saved) and record.segments == 4)
        worker.terminate(ExitCode.OK)
        told.set()
    record = platform.jobs.get(job.id)
    assert (record.status, record.failures, saved(platform, job).segments) == (Status.PENDING, 0, 4)
    work(platform, job, fake)
    assert texts(platform, job) == EVERY_WORD
    assert fake.decoded == list(range(10)), "nothing was decoded twice"


def test_the_fault_of_either_engine_ends_both(platform: Platform) -> None:
    job = submit(platform, diarize=True)

    def break_down(_number: int) -> None:
        raise WorkerError("the diarizer broke", code="diarizer_broke", retryable=False)

    fake = ResumableEngines(before_diarization=break_down)
    work(platform, job, fake, side_by_side=True)
    failed = platform.jobs.get(job.id)
    assert failed.error is not None
    assert (failed.status, failed.error.code) == (Status.FAILED, "diarizer_broke")
