"""A pipeline without an engine, for benchmarks and tests of everything around it.

It fetches the audio and answers an empty transcript that says in its warnings that nothing was
transcribed. Only a deployment's settings can switch it on (``TAMLIL_NULL_ENGINE``).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gpu_job.held_job import HeldJob
from gpu_job.steps.take_source import SourceTaker, make_source_taker
from gpu_job.stopwatch import Stopwatch, tamlil_version
from shared.domain.transcript import Transcript
from shared.ports.platform import Platform
from shared.settings import Settings

NAME = "null"
WARNING = "null_engine"


@dataclass(frozen=True, kw_only=True, slots=True)
class NullPipeline:
    """Fetches and transcribes nothing."""

    take_source: SourceTaker

    def __call__(self, held: HeldJob, folder: Path, /) -> Transcript:
        """See `gpu_job.attempt.Pipeline`."""
        watch = Stopwatch()
        self.take_source(held, folder, watch)
        return Transcript(
            text="",
            language="und",
            language_probability=0.0,
            duration=0.0,
            segments=(),
            engine=NAME,
            model=NAME,
            tamlil_version=tamlil_version(),
            warnings=(WARNING,),
            timings=watch.timings(),
        )


def make_null_pipeline(settings: Settings, platform: Platform) -> NullPipeline:
    """The pipeline of a deployment whose settings ask for it."""
    return NullPipeline(take_source=make_source_taker(settings, platform.blobs))
