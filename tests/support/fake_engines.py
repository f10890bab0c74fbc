"""Engines that hear the same in every audio, and record what they were asked."""

from __future__ import annotations

import hashlib
import io
import wave
from collections.abc import Sequence
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
from shared.domain.errors import ModelUnavailable, SourceError, Stopped
from shared.domain.options import (
    DiarizationArgs,
    TranscriptionOptions,
)
from shared.domain.transcript import Segment, Turn, Word
from shared.ports.platform import Platform
from tests.support.workers import wait_until

SECONDS = 4.0
WORDS = (
    Word(word=" Hello", start=0.0, end=1.0, probability=0.9),
    Word(word=" there.", start=1.0, end=1.9, probability=0.9),
    Word(word=" Hi.", start=2.1, end=3.0, probability=0.9),
)
TURNS = (
    Turn(start=0.0, end=2.0, speaker="SPEAKER_00"),
    Turn(start=2.0, end=4.0, speaker="SPEAKER_01"),
)
VOICES = b"what was heard"


@dataclass
class FakeEngines:
    """Hears the same in every audio; records what it was asked."""

    platform: Platform
    loads: list[str] = field(default_factory=list)
    decoded: list[bytes] = field(default_factory=list)
    options: list[TranscriptionOptions] = field(default_factory=list)
    diarization: list[DiarizationArgs] = field(default_factory=list)
    progress: list[float] = field(default_factory=list)
    weights: tuple[str, ...] = ("base",)
    before: float = 0.0
    decode_error: Exception | None = None
    exclusive: tuple[Turn, ...] = ()

    def engines(self) -> Engines:
        return Engines(
            decode=self.decode,
            transcriber=self.load_transcriber,
            fetch=self.fetch,
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
        self.decoded.append(path.read_bytes())
        if self.decode_error is not None:
            raise self.decode_error
        if max_seconds < SECONDS:
            raise SourceError(f"longer than {max_seconds:g} seconds", code="audio_too_long")
        return DecodedAudio(
            samples=np.zeros(int(SECONDS * 16_000), dtype=np.float32),
            digest=hashlib.sha256(self.decoded[-1]).hexdigest(),
            sample_rate=16_000,
            duration=SECONDS,
            container="wav",
            codec="pcm_s16le",
            source_rate=16_000,
            channels=1,
            warnings=("audio_truncated",),
        )

    def fetch(self, model: str, pull: bool) -> object:  # noqa: FBT001 (a Callable)
        if model not in self.weights:
            raise ModelUnavailable(f"no source has model {model!r}")
        return self

    def load_transcriber(self, model: str, engine: str) -> Transcriber:
        if model == "tiny.en":
            raise ModelUnavailable("no source has model 'tiny.en'")
        self.loads.append(f"{engine} {model}")
        return self

    def load_diarizer(self) -> Diarizer:
        self.loads.append("diarizer")
        return self

    def plan(
        self, audio: Samples, options: TranscriptionOptions, *, should_stop: ShouldStop
    ) -> tuple[Region, ...]:
        return (Region(start=0.0, end=SECONDS),)

    def detect_language(
        self,
        audio: Samples,
        options: TranscriptionOptions,
        *,
        chunks: Sequence[Region],
        should_stop: ShouldStop,
    ) -> tuple[str, float]:
        return "en", 0.99

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
        assert len(audio) == int(SECONDS * 16_000)
        self.before = 0.17  # above the shares of fetching and decoding, below the first report's
        self.options.append(options)
        segment = Segment(id=0, start=0.0, end=3.0, text="Hello there. Hi.", words=WORDS)
        on_language("en", 0.99)
        on_segment(segment)
        for second in (1.0, 2.0, 4.0):
            self._report(on_progress, second, should_stop)
        return TranscriptionOutput(segments=(segment,), language="en", language_probability=0.99)

    def diarize(
        self,
        audio: Samples,
        args: DiarizationArgs,
        *,
        on_progress: OnSeconds,
        should_stop: ShouldStop,
    ) -> Diarization:
        self.diarization.append(args)
        self._report(on_progress, 2.0, should_stop)
        return Diarization(turns=TURNS, voices=VOICES, exclusive=self.exclusive)

    def regroup(self, voices: bytes, args: DiarizationArgs) -> tuple[Turn, ...]:
        """All voices are one when told so, else as they were."""
        assert voices == VOICES
        self.diarization.append(args)
        if args.num_speakers == 1 or args.max_speakers == 1:
            return (Turn(start=TURNS[0].start, end=TURNS[-1].end, speaker=TURNS[0].speaker),)
        return TURNS

    def _report(self, on_progress: OnSeconds, second: float, should_stop: ShouldStop) -> None:
        """Report, then wait until a heartbeat has carried it to the record.

        Both engines may report at once: each waits for more than stood there when it began.
        """
        before = max(self.before, self._recorded())
        on_progress(second)

        def arrived() -> bool:
            if should_stop():
                raise Stopped("told to")
            return self._recorded() > before

        wait_until(arrived)
        self.progress.append(self._recorded())

    def _recorded(self) -> float:
        counted = [job.progress for job in self.platform.jobs.held_by("e1")]
        return max(counted, default=0.0)


def tone() -> bytes:
    """Four seconds of a WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as audio:
        audio.setnchannels(1)
        audio.setsampwidth(2)
        audio.setframerate(16_000)
        times = np.arange(int(SECONDS * 16_000)) / 16_000
        audio.writeframes((8000 * np.sin(2762 * times)).astype("<i2").tobytes())
    return file.getvalue()
