"""A recording of 20 hours: accepted, read in windows, resumed, and small in the job's record."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gpu_job.engines.faster_whisper_engine import FasterWhisperTranscriber
from gpu_job.engines.ports import SAMPLE_RATE, Audio, Region
from gpu_job.exit_codes import ExitCode
from gpu_job.pipeline import TranscriptionPipeline
from gpu_job.steps.take_source import make_source_taker
from shared.domain.codec import to_document
from shared.domain.errors import WorkerError
from shared.domain.job import Job
from shared.domain.transcript import Segment
from shared.models.registry import find_model
from shared.ports.platform import Platform
from shared.settings import Settings
from tests.support.platform import make_deployment, make_settings
from tests.support.resumable import ResumableEngines
from tests.support.whisper import FixedVad, spoken
from tests.support.workers import make_worker, result_of, submit, wait_until

SECONDS = 20 * 3600
#: Ten seconds of speech in every half minute: less than most recordings have, to keep this quick.
EVERY, SPEECH = 30, 10
WINDOW_SECONDS = 30
RECORD_BYTES = 8 << 10


@dataclass
class Hours:
    """Silence of any length, which nobody holds; remembers the longest window asked for."""

    seconds: int
    longest: int = 0

    def __len__(self) -> int:
        return self.seconds * SAMPLE_RATE

    def __getitem__(self, window: slice) -> Audio:
        start, stop, _ = window.indices(len(self))
        self.longest = max(self.longest, stop - start)
        return np.zeros(max(0, stop - start), dtype=np.float32)


@dataclass
class Talker:
    """Says the same in every window, and calls `before` with the number of the batch."""

    before: Callable[[int], object]
    batches: int = 0
    windows: list[int] = field(default_factory=list)

    def batched(
        self, windows: Sequence[Audio], arguments: Mapping[str, Any]
    ) -> list[list[Segment]]:
        self.batches += 1
        self.before(self.batches)
        self.windows.append(len(windows))
        return [[spoken(0.5, "Hello", "there.")] for _ in windows]

    def sequential(self, window: Audio, arguments: Mapping[str, Any]) -> list[Segment]:
        raise AssertionError("nothing of this has to be decoded again")

    def language_probabilities(
        self, window: Audio, *, shortest: float = 30.0
    ) -> Mapping[str, float]:
        return {"en": 0.9}


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    with make_deployment(tmp_path, retry_backoff_seconds=0.05) as deployment:
        yield deployment.platform


def record_bytes(job: Job) -> int:
    return len(json.dumps(to_document(job)))


def pipeline_of(platform: Platform, hours: Hours, talker: Talker) -> TranscriptionPipeline:
    engines = ResumableEngines().engines()
    regions = tuple(
        Region(start=start, end=start + SPEECH) for start in range(0, hours.seconds, EVERY)
    )
    transcriber = FasterWhisperTranscriber(
        hears_out=False, backend=talker, model=find_model("base"), vad=FixedVad(regions=regions)
    )

    def decode(*args: Any, **more: Any) -> Any:
        decoded = ResumableEngines(seconds=1).decode(*args, **more)
        assert more["max_seconds"] >= hours.seconds
        return dataclasses.replace(decoded, samples=hours, duration=float(hours.seconds))

    settings = make_settings(Path("unused"))
    return TranscriptionPipeline(
        take_source=make_source_taker(settings, platform.blobs),
        engines=dataclasses.replace(engines, decode=decode, transcriber=lambda *_: transcriber),
        models=settings.model_policy,
        max_seconds=settings.max_audio_seconds,
    )


def test_twenty_hours_are_read_in_windows_and_resumed_and_leave_the_record_small(
    platform: Platform,
) -> None:
    job, hours = submit(platform, language="en"), Hours(seconds=SECONDS)
    sizes: list[int] = []
    saved_parts: list[int] = []

    def before(batch: int) -> None:
        if batch % 20 == 0:
            sizes.append(record_bytes(platform.jobs.get(job.id)))
        if batch == 60:
            wait_until(lambda: (s := platform.jobs.get(job.id).saved) and s.segments >= 59 * 8)
            saved = platform.jobs.get(job.id).saved
            assert saved is not None
            saved_parts.append(saved.parts)
            raise WorkerError("the engine broke", code="engine_failed")

    talker = Talker(before=before)
    pipeline = pipeline_of(platform, hours, talker)
    assert make_worker(platform, pipeline, execution="e1").run(job.id) is ExitCode.JOB_RETRYING
    wait_until(lambda: (platform.jobs.get(job.id).not_before or 0.0) < platform.clock.now())
    assert make_worker(platform, pipeline, execution="e2").run(job.id) is ExitCode.OK
    result = result_of(platform, job)
    assert result.duration == SECONDS
    assert result.segments[-1].end > SECONDS - 2 * EVERY  # two stretches fit into a window
    assert sum(talker.windows) == len(result.segments), "no window was decoded twice"
    assert hours.longest <= WINDOW_SECONDS * SAMPLE_RATE
    assert saved_parts[0] >= 1
    assert len(sizes) >= 4
    assert max(sizes) < RECORD_BYTES


def test_a_deployment_accepts_twenty_hours_unless_told_otherwise() -> None:
    assert Settings().max_audio_seconds >= SECONDS
