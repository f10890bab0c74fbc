"""The steps of a transcription in order: fetch, decode, hear, put together.

What the options ask for reaches the engine as it is, in one object: nothing on the way picks
fields, so none can be swallowed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from gpu_job.channels.separate import separate
from gpu_job.channels.timeline import by_time, spoken_turns
from gpu_job.checkpoints import Checkpoints, fingerprint
from gpu_job.hearing import Engines, Heard, Hearing
from gpu_job.held_job import HeldJob
from gpu_job.progress import Step
from gpu_job.steps.assign_speakers import assign_speakers
from gpu_job.steps.canonical import build_transcript
from gpu_job.steps.decode import DecodedAudio
from gpu_job.steps.take_source import SourceTaker
from gpu_job.stopwatch import Stopwatch, tamlil_version
from shared.domain.model_policy import ModelPolicy
from shared.domain.options import Channels, OutputOptions
from shared.domain.transcript import Transcript


@dataclass(frozen=True, kw_only=True, slots=True)
class TranscriptionPipeline:
    """See `gpu_job.attempt.Pipeline`. `max_seconds` bounds the audio's length.

    `diarizer` is the name of the one in use. With `side_by_side` it listens while the transcriber
    does. `libraries` are the engine libraries' versions: what one version has begun, another does
    not go on with.
    """

    take_source: SourceTaker
    engines: Engines
    models: ModelPolicy
    max_seconds: float
    diarizer: str = "embedded"
    side_by_side: bool = False
    libraries: tuple[str, ...] = ()

    def __call__(self, held: HeldJob, folder: Path, /) -> Transcript:
        """Make the job's transcript."""
        watch = Stopwatch()
        options = held.job.options
        if held.job.saved is None:  # else an earlier attempt may have chosen another model
            self.engines.prepare(options)
        source = self.take_source(held, folder, watch)
        audio = self._decode(held, source, watch)
        source.unlink()  # hours of work lie ahead, and the disk may be small
        mark = fingerprint(
            audio.digest, options, self.models, self.diarizer, tamlil_version(), self.libraries
        )
        with Checkpoints(held, mark) as checkpoints:
            hearing = Hearing(
                engines=self.engines,
                models=self.models,
                held=held,
                audio=audio,
                watch=watch,
                checkpoints=checkpoints,
            )
            heard = hearing.hear(side_by_side=self.side_by_side)
        held.stop.check()
        held.progress.enter(Step.SAVE)
        return self._put_together(held, audio, heard, watch)

    def _put_together(
        self, held: HeldJob, audio: DecodedAudio, heard: Heard, watch: Stopwatch
    ) -> Transcript:
        """Build the transcript; of a diarized job, keep what voices can be grouped anew from."""
        build = partial(
            build_transcript,
            duration=audio.duration,
            model=heard.chosen.model,
            tamlil_version=tamlil_version(),
            warnings=(*audio.warnings, *heard.chosen.warnings),
        )
        options, found, output = held.job.options, heard.diarization, heard.output
        if options.channels is Channels.SEPARATE:
            segments = by_time(output.segments)
            return build(
                replace(output, segments=segments),
                options=options,
                turns=spoken_turns(segments),
                timings=watch.timings(),
            )
        if found is None:
            return build(output, options=options, timings=watch.timings())
        plain = build(output, options=replace(options, output_options=OutputOptions()))
        held.keep(plain, found.voices)
        with watch.lap("assign_speakers"):
            segments = assign_speakers(
                output.segments, found.turns_for_words, overlapping=found.turns
            )
        return build(
            replace(output, segments=segments),
            options=options,
            turns=found.turns,
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


def _ignore(_seconds_done: float) -> None:
    """Progress of unknown total is none."""
