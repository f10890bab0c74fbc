"""Listening to decoded audio: choose a model, plan, transcribe, diarize; saved as it goes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol

from gpu_job.channels.transcriber import over_channels
from gpu_job.checkpoints import Checkpoints, Earlier
from gpu_job.engines.ports import (
    SAMPLE_RATE,
    Diarization,
    Diarizer,
    OnSeconds,
    Region,
    ShouldStop,
    Transcriber,
    TranscriptionOutput,
)
from gpu_job.held_job import HeldJob
from gpu_job.progress import Step
from gpu_job.side_by_side import SideBySide
from gpu_job.steps.choose_model import Chosen, ModelChooser
from gpu_job.steps.decode import DecodedAudio
from gpu_job.stopwatch import Stopwatch
from shared.domain.model_policy import ModelPolicy
from shared.domain.options import TranscriptionOptions
from shared.domain.work_parts import DecodingPlan, Spoken, Stretch


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


def _nothing(_options: TranscriptionOptions) -> None:
    """Everything is loaded when it is needed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Engines:
    """What the pipeline works with; each call loads a model or answers the one that is warm.

    `transcriber` is asked with the names of the model and the engine. Both raise
    `ModelUnavailable` when there are no weights, `WorkerError` when they don't load. `fetch` brings
    a model's weights here, or only looks for them when told not to pull. `prepare` begins to load
    what a job with these options needs and returns at once; it raises nothing.
    """

    decode: Decode
    transcriber: Callable[[str, str], Transcriber]
    fetch: Callable[[str, bool], object]
    diarizer: Callable[[], Diarizer]
    prepare: Callable[[TranscriptionOptions], object] = _nothing


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """What the engines found; `diarization` None where none was asked for."""

    chosen: Chosen
    output: TranscriptionOutput
    diarization: Diarization | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Hearing:
    """One attempt's listening."""

    engines: Engines
    models: ModelPolicy
    held: HeldJob
    audio: DecodedAudio
    watch: Stopwatch
    checkpoints: Checkpoints

    def hear(self, *, side_by_side: bool) -> Heard:
        """Go on where earlier attempts have ended.

        Raises:
            TamlilError: what engines raise; see `Engines`.
        """
        self.held.progress.enter(Step.TRANSCRIBE)
        earlier = self.checkpoints.earlier()
        chosen = self._choose(earlier)
        transcribe = partial(self._transcribe, chosen, earlier)
        if not self.held.job.options.diarize:
            output = transcribe(self.held.stop.requested)
            return Heard(chosen=chosen, output=output, diarization=None)
        found = _heard_before(earlier)
        if found is not None:
            self.held.progress.finish(Step.DIARIZE)
            output = transcribe(self.held.stop.requested)
        elif side_by_side:
            both = SideBySide(
                main=transcribe,
                side=partial(self._diarize, self._load_diarizer()),
                should_stop=self.held.stop.requested,
            )
            output, found = both.run()
        else:
            output = transcribe(self.held.stop.requested)
            found = self._diarize(self._load_diarizer(), self.held.stop.requested)
        return Heard(chosen=chosen, output=output, diarization=found)

    def _choose(self, earlier: Earlier) -> Chosen:
        chooser = ModelChooser(
            policy=self.models,
            load=over_channels(self.engines.transcriber, self.audio.samples),
            fetch=self.engines.fetch,
        )
        plan = earlier.plan
        chosen = chooser.choose(
            self.held.job.options,
            self.audio.samples,
            watch=self.watch,
            should_stop=self.held.stop.requested,
            known=None if plan is None else (plan.language, plan.language_probability),
        )
        self.held.stop.check()
        return chosen

    def _transcribe(
        self, chosen: Chosen, earlier: Earlier, should_stop: ShouldStop
    ) -> TranscriptionOutput:
        samples, options = self.audio.samples, chosen.options
        with self.watch.step(Step.TRANSCRIBE, self.held.progress):
            if earlier.plan is not None and earlier.plan.model != chosen.model:
                self.checkpoints.begin_anew()  # another model's weights have come, or gone
                earlier = Earlier()
            plan = self._plan(chosen, earlier, should_stop)
            output = chosen.transcriber.transcribe(
                samples,
                options,
                chunks=tuple(_region(stretch) for stretch in plan.chunks),
                language=(plan.language, plan.language_probability),
                start_at=earlier.done,
                previous=earlier.segments,
                on_segment=self.checkpoints.add,
                on_progress=self._on_transcribed(earlier.done),
                should_stop=should_stop,
            )
        self.held.progress.enter(Step.DIARIZE if self.held.job.options.diarize else Step.SAVE)
        return replace(output, segments=(*earlier.segments, *output.segments))

    def _plan(self, chosen: Chosen, earlier: Earlier, should_stop: ShouldStop) -> DecodingPlan:
        """What is to be decoded, found out once a job."""
        if earlier.plan is not None:
            self.checkpoints.go_on_with(earlier.plan)
            return earlier.plan
        transcriber, samples, options = chosen.transcriber, self.audio.samples, chosen.options
        chunks = chosen.chunks
        if chunks is None:
            chunks = transcriber.plan(samples, options, should_stop=should_stop)
        code, probability = chosen.language or transcriber.detect_language(
            samples, options, chunks=chunks, should_stop=should_stop
        )
        plan = DecodingPlan(
            model=chosen.model,
            language=code,
            language_probability=probability,
            chunks=tuple(_stretch(region) for region in chunks),
        )
        self.checkpoints.keep_plan(plan)
        return plan

    def _on_transcribed(self, resumed_at: float) -> OnSeconds:
        show = _seconds(self.held, Step.TRANSCRIBE, len(self.audio.samples) / SAMPLE_RATE)

        def report(done: float) -> None:
            self.checkpoints.reached(done)
            show(done)

        show(resumed_at)
        return report

    def _load_diarizer(self) -> Diarizer:
        with self.watch.lap("load"):
            diarizer = self.engines.diarizer()
        self.held.stop.check()
        return diarizer

    def _diarize(self, diarizer: Diarizer, should_stop: ShouldStop) -> Diarization:
        with self.watch.lap(str(Step.DIARIZE)):
            found = diarizer.diarize(
                self.audio.samples,
                self.held.job.options.diarization_args,
                on_progress=_seconds(self.held, Step.DIARIZE, self.audio.duration),
                should_stop=should_stop,
            )
            spoken = Spoken(turns=found.turns, exclusive=found.exclusive)
            self.checkpoints.keep_voices(found.voices, spoken)
        self.held.progress.finish(Step.DIARIZE)
        return found


def _heard_before(earlier: Earlier) -> Diarization | None:
    """What an earlier attempt's diarizer heard and said of the same audio and options."""
    if earlier.voices is None or earlier.spoken is None:
        return None
    spoken = earlier.spoken
    return Diarization(turns=spoken.turns, voices=earlier.voices, exclusive=spoken.exclusive)


def _region(stretch: Stretch) -> Region:
    return Region(
        start=stretch.start,
        end=stretch.end,
        language=stretch.language,
        language_probability=stretch.language_probability,
    )


def _stretch(region: Region) -> Stretch:
    return Stretch(
        start=region.start,
        end=region.end,
        language=region.language,
        language_probability=region.language_probability,
    )


def _seconds(held: HeldJob, step: Step, total: float) -> OnSeconds:
    def report(done: float) -> None:
        held.progress.advance(step, done, total)

    return report
