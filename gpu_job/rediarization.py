"""The work of a rediarization: kept voices grouped anew, and words given to them.

Nothing is fetched, decoded or transcribed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from gpu_job.attempt import Pipeline
from gpu_job.engines.ports import Diarizer, TranscriptionOutput
from gpu_job.held_job import HeldJob
from gpu_job.progress import Step
from gpu_job.steps.assign_speakers import assign_speakers
from gpu_job.steps.canonical import build_transcript
from gpu_job.stopwatch import Stopwatch, tamlil_version
from shared.domain.errors import WorkerError
from shared.domain.job import JobKind
from shared.domain.transcript import Transcript, Turn
from shared.services.kept_voices import read_voices


@dataclass(frozen=True, kw_only=True, slots=True)
class RediarizationPipeline:
    """See `gpu_job.attempt.Pipeline`. `diarizer` loads it or answers the one that is warm."""

    diarizer: Callable[[], Diarizer]

    def __call__(self, held: HeldJob, folder: Path, /) -> Transcript:
        """Make the transcript of a job that goes on from another, and keep what that one kept."""
        del folder  # everything comes from the store, and fits into memory
        watch = Stopwatch()
        with watch.step(Step.FETCH, held.progress):
            voices, heard = read_voices(held.platform, held.job)
        held.progress.audio_seconds = heard.duration
        held.stop.check()
        turns = self._regroup(held, voices, watch)
        with watch.lap("assign_speakers"):
            segments = assign_speakers(heard.segments, turns)
        held.stop.check()
        held.progress.enter(Step.SAVE)
        held.keep(heard, voices)
        return build_transcript(
            TranscriptionOutput(
                segments=segments,
                language=heard.language,
                language_probability=heard.language_probability,
            ),
            duration=heard.duration,
            options=replace(held.job.options, engine=heard.engine),
            model=heard.model,
            tamlil_version=tamlil_version(),
            turns=turns,
            warnings=heard.warnings,
            timings=watch.timings(),
        )

    def _regroup(self, held: HeldJob, voices: bytes, watch: Stopwatch) -> tuple[Turn, ...]:
        held.progress.enter(Step.DIARIZE)
        with watch.lap("load"):
            diarizer = self.diarizer()
        held.stop.check()
        with watch.step(Step.DIARIZE, held.progress):
            try:
                return diarizer.regroup(voices, held.job.options.diarization_args)
            except WorkerError as exc:
                if exc.code != "voices_unreadable":
                    raise
                msg = f"{exc.detail}; submit the audio again with diarize: true"
                raise WorkerError(msg, code=exc.code, retryable=False) from exc


@dataclass(frozen=True, kw_only=True, slots=True)
class PipelineByKind:
    """The pipeline of a deployment: each kind of job has its own."""

    pipelines: Mapping[JobKind, Pipeline]

    def __call__(self, held: HeldJob, folder: Path, /) -> Transcript:
        """Do a job's work.

        Raises:
            WorkerError: code ``unknown_kind``: a newer version must have submitted it.
        """
        pipeline = self.pipelines.get(held.job.kind)
        if pipeline is None:
            msg = f"this worker can't do jobs of kind {held.job.kind}"
            raise WorkerError(msg, code="unknown_kind")
        return pipeline(held, folder)
