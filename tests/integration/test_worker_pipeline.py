"""The pipeline in a worker on a real SQLite platform, with engines that tests write."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from gpu_job.assemble import pipeline_with
from gpu_job.engines.loader import EngineCache, EngineConfig
from gpu_job.exit_codes import ExitCode
from gpu_job.pipeline import TranscriptionPipeline
from gpu_job.steps.take_source import make_source_taker
from gpu_job.stopwatch import tamlil_version
from shared.domain.errors import SourceError
from shared.domain.job import Job, Status
from shared.domain.options import (
    Accuracy,
    Channels,
    DiarizationArgs,
    OutputOptions,
    Task,
    TranscriptionOptions,
)
from shared.domain.transcript import SpeakerTotal, Turn
from shared.ports.platform import Platform
from tests.support.fake_engines import SECONDS, FakeEngines, tone
from tests.support.file_server import file_server
from tests.support.platform import make_deployment, make_settings
from tests.support.workers import make_worker, result_of, submit


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    with make_deployment(
        tmp_path, retry_backoff_seconds=0.05, allow_loopback_urls=True
    ) as deployment:
        yield dataclasses.replace(
            deployment.platform,
            webhooks=dataclasses.replace(deployment.platform.webhooks, allow_loopback=True),
        )


def run(
    platform: Platform,
    fake: FakeEngines,
    job: Job,
    *,
    max_seconds: float = 60.0,
    **settings: object,
) -> ExitCode:
    chosen = make_settings(Path("unused"), allow_loopback_urls=True, **settings)
    pipeline = TranscriptionPipeline(
        take_source=make_source_taker(chosen, platform.blobs),
        engines=fake.engines(),
        models=chosen.model_policy,
        max_seconds=max_seconds,
    )
    return make_worker(platform, pipeline, execution="e1").run(job.id)


def error_of(platform: Platform, job: Job) -> tuple[Status, str]:
    failed = platform.jobs.get(job.id)
    assert failed.error is not None
    return failed.status, failed.error.code


def test_a_job_becomes_a_transcript_with_speakers(platform: Platform) -> None:
    fake, job = FakeEngines(platform), submit(platform, audio=b"RIFF 1", diarize=True)
    assert run(platform, fake, job) is ExitCode.OK
    result = result_of(platform, job)
    assert fake.decoded == [b"RIFF 1"]
    assert [(s.text, s.speakers) for s in result.segments] == [
        ("Hello there.", ("SPEAKER_00",)),
        ("Hi.", ("SPEAKER_01",)),
    ]
    assert result.speakers == (
        SpeakerTotal(label="SPEAKER_00", seconds=2.0),
        SpeakerTotal(label="SPEAKER_01", seconds=2.0),
    )
    assert (result.language, result.duration, result.model) == ("en", SECONDS, "base")
    assert (result.tamlil_version, result.warnings) == (tamlil_version(), ("audio_truncated",))
    assert set(result.timings) == {
        *("fetch", "decode", "load", "transcribe", "diarize", "assign_speakers", "total"),
    }
    assert result.timings["total"] >= result.timings["transcribe"] >= 0.0
    record = platform.jobs.get(job.id)
    assert record.result is not None
    assert (record.audio_seconds, record.result.speakers) == (SECONDS, 2)


def test_words_go_by_exclusive_turns_and_totals_by_all(platform: Platform) -> None:
    only = Turn(start=0.0, end=4.0, speaker="SPEAKER_01")
    fake, job = FakeEngines(platform, exclusive=(only,)), submit(platform, diarize=True)
    assert run(platform, fake, job) is ExitCode.OK
    result = result_of(platform, job)
    assert [segment.speakers for segment in result.segments] == [("SPEAKER_01",)]
    assert [total.label for total in result.speakers] == ["SPEAKER_00", "SPEAKER_01"]


def test_without_diarization_no_diarizer_is_loaded(platform: Platform) -> None:
    fake, job = FakeEngines(platform), submit(platform)
    run(platform, fake, job)
    assert fake.loads == ["faster-whisper base"]
    assert result_of(platform, job).speakers == ()
    assert "diarize" not in result_of(platform, job).timings


EVERY_OPTION = TranscriptionOptions(
    engine="faster-whisper",
    model="base",
    language="de",
    task=Task.TRANSLATE,
    diarize=True,
    diarization_args=DiarizationArgs(min_speakers=2, max_speakers=3),
    output_options=OutputOptions(word_timestamps=False, extra_data=False),
    initial_prompt="Names: Ada",
    hotwords="Tamlil",
    beam_size=3,
    temperature=(0.1, 0.3),
    vad=False,
    channels=Channels.MIX,
    accuracy=Accuracy.BEST,
)
#: What does not go with some of those.
SWITCHING = dataclasses.replace(EVERY_OPTION, language=None, multilingual=True)


def test_no_option_is_left_out_of_what_reaches_the_engine() -> None:
    default = TranscriptionOptions()
    names = {option.name for option in dataclasses.fields(TranscriptionOptions)}
    told = {
        name
        for name in names
        for asked in (EVERY_OPTION, SWITCHING)
        if getattr(asked, name) != getattr(default, name)
    }
    # There is one engine; separate channels are told apart before it (test_channels.py).
    assert names - told == {"engine", "channels"}


@pytest.mark.parametrize("asked", [EVERY_OPTION, SWITCHING])
def test_every_option_reaches_the_engine(platform: Platform, asked: TranscriptionOptions) -> None:
    given = {f.name: getattr(asked, f.name) for f in dataclasses.fields(asked)}
    fake, job = FakeEngines(platform), submit(platform, **given)
    run(platform, fake, job)
    assert fake.options == [asked]
    assert fake.diarization == [asked.diarization_args]
    assert result_of(platform, job).segments[0].words == ()


def test_progress_is_what_the_engine_measured_and_never_goes_back(platform: Platform) -> None:
    fake, job = FakeEngines(platform), submit(platform, diarize=True)
    run(platform, fake, job)
    assert len(fake.progress) == 4
    assert fake.progress == sorted(set(fake.progress))
    assert fake.progress[-1] < 1.0
    steps = np.diff(fake.progress)
    assert steps[1] == pytest.approx(2 * steps[0])  # two seconds of audio against one


def test_a_warm_worker_serves_several_jobs_with_one_load(
    platform: Platform, tmp_path: Path
) -> None:
    fake = FakeEngines(platform)
    jobs = [submit(platform, audio=tone(), diarize=True) for _ in range(3)]
    cache = EngineCache(
        config=EngineConfig(models_dir=tmp_path),
        engines={"faster-whisper": lambda _, spec: fake.load_transcriber(spec.name, spec.engine)},
        diarizers={"embedded": lambda _: fake.load_diarizer()},
    )
    pipeline = pipeline_with(cache, make_settings(tmp_path), platform)
    code = make_worker(platform, pipeline, execution="e1").run(jobs[0].id)
    assert code is ExitCode.OK
    assert fake.loads == ["faster-whisper base", "diarizer"]
    assert all(result_of(platform, job).duration == SECONDS for job in jobs)


def test_a_url_is_fetched_by_the_worker(platform: Platform) -> None:
    fake = FakeEngines(platform)
    with file_server() as server:
        server.files["/a.wav"] = b"from afar"
        job = submit(platform, url=f"{server.url}/a.wav")
        run(platform, fake, job)
    assert fake.decoded == [b"from afar"]
    assert result_of(platform, job).text == "Hello there. Hi."


def test_a_refused_url_fails_at_once(platform: Platform) -> None:
    fake = FakeEngines(platform)
    with file_server() as server:
        job = submit(platform, url=f"{server.url}/gone.wav")
        assert run(platform, fake, job) is ExitCode.JOB_FAILED
    assert error_of(platform, job) == (Status.FAILED, "url_http_error")


def test_audio_above_the_byte_limit_fails_at_once(platform: Platform) -> None:
    fake, job = FakeEngines(platform), submit(platform, audio=b"x" * 100)
    assert run(platform, fake, job, max_source_bytes=99) is ExitCode.JOB_FAILED
    assert error_of(platform, job) == (Status.FAILED, "source_too_large")
    assert fake.decoded == []


def test_audio_above_the_time_limit_fails_at_once(platform: Platform) -> None:
    fake, job = FakeEngines(platform), submit(platform)
    assert run(platform, fake, job, max_seconds=1.0) is ExitCode.JOB_FAILED
    assert error_of(platform, job) == (Status.FAILED, "audio_too_long")


@pytest.mark.parametrize("code", ["source_unreadable", "no_audio_stream", "no_audio_samples"])
def test_audio_that_does_not_decode_fails_at_once(platform: Platform, code: str) -> None:
    fake = FakeEngines(platform, decode_error=SourceError("bad", code=code))
    job = submit(platform)
    assert run(platform, fake, job) is ExitCode.JOB_FAILED
    assert error_of(platform, job) == (Status.FAILED, code)


def test_a_model_without_weights_fails_the_job_and_says_so(platform: Platform) -> None:
    fake, job = FakeEngines(platform), submit(platform, model="tiny.en")
    assert run(platform, fake, job) is ExitCode.JOB_FAILED
    assert error_of(platform, job) == (Status.FAILED, "model_unavailable")


def test_a_tuned_model_that_is_here_is_taken_and_the_result_names_it(platform: Platform) -> None:
    fake = FakeEngines(platform, weights=("base", "ivrit-he-turbo"))
    job = submit(platform, language="he")
    run(platform, fake, job)
    assert fake.loads == ["faster-whisper ivrit-he-turbo"]
    assert result_of(platform, job).model == "ivrit-he-turbo"


def test_a_tuned_model_that_cannot_be_had_is_a_warning_and_not_a_failure(
    platform: Platform,
) -> None:
    fake, job = FakeEngines(platform), submit(platform, language="he")
    run(platform, fake, job, language_models={"he": "ivrit-he-turbo"})
    result = result_of(platform, job)
    assert result.model == "base"
    assert "language_model_unavailable" in result.warnings
