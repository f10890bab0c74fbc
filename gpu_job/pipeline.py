"""The steps of a transcription in order: fetch, decode, transcribe, diarize, put together.

What the options ask for reaches the engine as it is, in one object: nothing on the way picks
fields, so none can be swallowed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from gpu_job.channels.separate import separate
from gpu_job.channels.timeline import by_time, spoken_turns
from gpu_job.channels.transcriber import over_channels
from gpu_job.engines.ports import (
    SAMPLE_RATE,
    Diarization,
    Diarizer,
    OnSeconds,
    ShouldStop,
    Transcriber,
    TranscriptionOutput,
)
from gpu_job.held_job import HeldJob
from gpu_job.progress import Step
from gpu_job.steps.assign_speakers import assign_speakers, speaker_totals
from gpu_job.steps.canonical import build_transcript
from gpu_job.steps.choose_model import Chosen, ModelChooser
from gpu_job.steps.decode import DecodedAudio
from gpu_job.steps.take_source import SourceTaker
from gpu_job.stopwatch import Stopwatch, tamlil_version
from shared.domain.model_policy import ModelPolicy
from shared.domain.options import Channels
from shared.domain.transcript import Segment, Transcript, Turn


class Decode(Protocol):
    """`gpu_job.steps.decode.decode`, or a test's."""

    def __call__(
        self,
        path: Path,
        *,
        max_seconds: float,
        on_progress: OnSeconds,
        should_stop: ShouldStop,
        folder: Path,
        separate: bool,
    ) -> DecodedAudio:
        """Decode to samples at 16 kHz, kept in `folder`: mono, or by channel."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Engines:
    """What the pipeline works with; each call loads a model or answers the one that is warm.

    `transcriber` is asked with the names of the model and the engine. Both raise
    `ModelUnavailable` when there are no weights, `WorkerError` when they don't load. `fetch` brings
    a model's weights here, or only looks for them when told not to pull.
    """

    decode: Decode
    transcriber: Callable[[str, str], Transcriber]
    fetch: Callable[[str, bool], object]
    diarizer: Callable[[], Diarizer]


@dataclass(frozen=True, kw_only=True, slots=True)
class TranscriptionPipeline:
    """See `gpu_job.attempt.Pipeline`. `max_seconds` bounds the audio's length."""

    take_source: SourceTaker
    engines: Engines
    models: ModelPolicy
    max_seconds: float

    def __call__(self, held: HeldJob, folder: Path, /) -> Transcript:
        """Make the job's transcript."""
        watch = Stopwatch()
        options = held.job.options
        source = self.take_source(held, folder, watch)
        audio = self._decode(held, source, watch)
        source.unlink()  # hours of work lie ahead, and the disk may be small
        chosen = self._choose(held, audio, watch)
        heard = self._transcribe(held, audio, chosen, watch)
        turns: tuple[Turn, ...] = ()
        if options.channels is Channels.SEPARATE:
            heard = replace(heard, segments=by_time(heard.segments))
            turns = spoken_turns(heard.segments)
        if options.diarize:
            found = self._diarize(held, audio, watch)
            turns = found.turns
            with watch.lap("assign_speakers"):
                segments = assign_speakers(heard.segments, found.turns_for_words)
                heard = replace(heard, segments=segments)
        held.stop.check()
        held.progress.enter(Step.SAVE)
        return build_transcript(
            heard,
            duration=audio.duration,
            options=options,
            model=chosen.model,
            tamlil_version=tamlil_version(),
            speakers=speaker_totals(turns),
            warnings=(*audio.warnings, *chosen.warnings),
            timings=watch.timings(),
        )

    def _decode(self, held: HeldJob, source: Path, watch: Stopwatch) -> DecodedAudio:
        apart = held.job.options.channels is Channels.SEPARATE
        with watch.step(Step.DECODE, held.progress):
            audio = self.engines.decode(
                source,
                max_seconds=self.max_seconds,
                on_progress=_ignore,  # how much there is to decode is known only at its end
                should_stop=held.stop.requested,
                folder=source.parent,
                separate=apart,
            )
            if apart:
                audio = separate(audio, should_stop=held.stop.requested)
        held.progress.audio_seconds = audio.duration
        held.stop.check()
        return audio

    def _choose(self, held: HeldJob, audio: DecodedAudio, watch: Stopwatch) -> Chosen:
        held.progress.enter(Step.TRANSCRIBE)
        chooser = ModelChooser(
            policy=self.models,
            load=over_channels(self.engines.transcriber, audio.samples),
            fetch=self.engines.fetch,
        )
        chosen = chooser.choose(
            held.job.options, audio.samples, watch=watch, should_stop=held.stop.requested
        )
        held.stop.check()
        return chosen

    def _transcribe(
        self, held: HeldJob, audio: DecodedAudio, chosen: Chosen, watch: Stopwatch
    ) -> TranscriptionOutput:
        with watch.step(Step.TRANSCRIBE, held.progress):
            return chosen.transcriber.transcribe(
                audio.samples,
                chosen.options,
                chunks=chosen.chunks,
                language=chosen.language,
                on_segment=_keep_nothing,
                on_progress=_seconds(held, Step.TRANSCRIBE, len(audio.samples) / SAMPLE_RATE),
                should_stop=held.stop.requested,
            )

    def _diarize(self, held: HeldJob, audio: DecodedAudio, watch: Stopwatch) -> Diarization:
        held.progress.enter(Step.DIARIZE)
        with watch.lap("load"):
            diarizer = self.engines.diarizer()
        held.stop.check()
        with watch.step(Step.DIARIZE, held.progress):
            return diarizer.diarize(
                audio.samples,
                held.job.options.diarization_args,
                on_progress=_seconds(held, Step.DIARIZE, audio.duration),
                should_stop=held.stop.requested,
            )


def _seconds(held: HeldJob, step: Step, total: float) -> OnSeconds:
    def report(done: float) -> None:
        held.progress.advance(step, done, total)

    return report


def _ignore(_seconds_done: float) -> None:
    """Progress of unknown total is none."""


def _keep_nothing(_segment: Segment) -> None:
    """Segments come again, all of them, in the engine's answer."""
