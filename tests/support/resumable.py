"""Engines that can be resumed: a segment a second, told in batches, with a hook before each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from gpu_job.engines.ports import (
    Diarization,
    Diarizer,
    OnLanguage,
    OnSeconds,
    OnSegment,
    Region,
    Samples,
    ShouldStop,
    Transcriber,
    TranscriptionOutput,
    ignore_language,
)
from gpu_job.hearing import Engines
from gpu_job.steps.decode import DecodedAudio
from shared.domain.options import DiarizationArgs, TranscriptionOptions
from shared.domain.transcript import Segment, Turn, Word

BATCH = 2


def segment_at(second: int) -> Segment:
    word = Word(word=f" word{second}.", start=second, end=second + 0.5, probability=0.9)
    return Segment(id=second, start=second, end=second + 0.5, text=word.word.strip(), words=(word,))


def nothing(_second: int) -> None:
    """No hook."""


@dataclass
class ResumableEngines:
    """Hears a word a second; `before_batch` hears the first second of each batch, and may raise."""

    seconds: int = 10
    digest: str = "samples"
    model_loaded: str = ""
    before_batch: Callable[[int], object] = nothing
    before_diarization: Callable[[int], object] = nothing
    decoded: list[int] = field(default_factory=list)
    planned: int = 0
    detected: int = 0
    diarized: int = 0
    exclusive: tuple[Turn, ...] = ()

    def engines(self) -> Engines:
        return Engines(
            decode=self.decode,
            transcriber=self.load_transcriber,
            fetch=lambda model, pull: self,
            diarizer=self.load_diarizer,
        )

    def decode(
        self,
        path: Path,
        *,
        max_seconds: float,
        on_progress: OnSeconds,
        should_stop: ShouldStop,
        folder: Path,
        separate: bool,
    ) -> DecodedAudio:
        return DecodedAudio(
            samples=np.zeros(self.seconds * 16_000, dtype=np.float32),
            digest=self.digest,
            sample_rate=16_000,
            duration=float(self.seconds),
            container="wav",
            codec="pcm_s16le",
            source_rate=16_000,
            channels=1,
        )

    def load_transcriber(self, model: str, engine: str) -> Transcriber:
        self.model_loaded = model
        return self

    def load_diarizer(self) -> Diarizer:
        return self

    def plan(
        self, audio: Samples, options: TranscriptionOptions, *, should_stop: ShouldStop
    ) -> tuple[Region, ...]:
        self.planned += 1
        return tuple(Region(start=n, end=n + 0.9) for n in range(self.seconds))

    def detect_language(
        self,
        audio: Samples,
        options: TranscriptionOptions,
        *,
        chunks: Sequence[Region],
        should_stop: ShouldStop,
    ) -> tuple[str, float]:
        self.detected += 1
        return "en", 0.75

    def transcribe(
        self,
        audio: Samples,
        options: TranscriptionOptions,
        *,
        on_segment: OnSegment,
        on_progress: OnSeconds,
        should_stop: ShouldStop,
        on_language: OnLanguage = ignore_language,
        chunks: Sequence[Region] | None = None,
        start_at: float = 0.0,
        language: tuple[str, float] | None = None,
        previous: Sequence[Segment] = (),
    ) -> TranscriptionOutput:
        assert chunks is not None
        assert language == ("en", 0.75)
        left = [round(chunk.start) for chunk in chunks if chunk.end > start_at]
        assert not previous or previous[-1].id == left[0] - 1 if left else True
        found = []
        for position in range(0, len(left), BATCH):
            self.before_batch(left[position])
            for second in left[position : position + BATCH]:
                self.decoded.append(second)
                found.append(segment_at(second))
                on_segment(found[-1])
                on_progress(second + 1.0)
        return TranscriptionOutput(segments=tuple(found), language="en", language_probability=0.75)

    def diarize(
        self,
        audio: Samples,
        args: DiarizationArgs,
        *,
        on_progress: OnSeconds,
        should_stop: ShouldStop,
    ) -> Diarization:
        self.before_diarization(self.diarized)
        self.diarized += 1
        return Diarization(turns=self._turns(), voices=b"voices", exclusive=self.exclusive)

    def regroup(self, voices: bytes, args: DiarizationArgs) -> tuple[Turn, ...]:
        assert voices == b"voices"
        return self._turns()

    def _turns(self) -> tuple[Turn, ...]:
        half = self.seconds / 2
        return (
            Turn(start=0.0, end=half, speaker="SPEAKER_00"),
            Turn(start=half, end=float(self.seconds), speaker="SPEAKER_01"),
        )
