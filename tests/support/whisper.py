"""A Whisper backend that records what it is asked and answers from a script."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpu_job.engines.ports import SAMPLE_RATE, Audio, Region, Samples, ShouldStop
from shared.domain.errors import WorkerError
from shared.domain.transcript import ExtraData, Segment, Word


def facts(
    *, logprob: float = -0.2, ratio: float = 1.2, no_speech: float = 0.01, temperature: float = 0.0
) -> ExtraData:
    """What a decoder says about a good segment, unless told otherwise."""
    return ExtraData(
        avg_logprob=logprob,
        compression_ratio=ratio,
        no_speech_prob=no_speech,
        temperature=temperature,
    )


def spoken(start: float, *texts: str, extra: ExtraData | None = None) -> Segment:
    """Build a segment of words that take half a second each."""
    words = tuple(
        Word(
            word=f" {text}",
            start=start + number / 2,
            end=start + number / 2 + 0.5,
            probability=0.9,
        )
        for number, text in enumerate(texts)
    )
    return Segment(
        id=0,
        start=start,
        end=words[-1].end,
        text=" ".join(texts),
        words=words,
        extra_data=extra or facts(),
    )


def silence(seconds: float) -> Audio:
    """Return so many seconds of zeros at 16 kHz."""
    return np.zeros(int(seconds * SAMPLE_RATE), dtype=np.float32)


_STEPS = 1 << 24


def ramp(seconds: float) -> Audio:
    """Audio whose samples tell their position, so that a fake knows what it is given."""
    return (np.arange(int(seconds * SAMPLE_RATE)) / _STEPS).astype(np.float32)


def times_of(window: Audio) -> NDArray[Any]:
    """Where in a ramp each sample of a window lies (seconds)."""
    return window.astype(np.float64) * (_STEPS / SAMPLE_RATE)


def region_of(window: Audio) -> Region:
    """Where in a ramp a window begins and ends (seconds)."""
    times = times_of(window)
    return Region(start=round(float(times[0]), 3), end=round(float(times[-1]) + 1e-4, 3))


def moved(segment: Segment, seconds: float) -> Segment:
    """The same words, so much later."""
    words = tuple(
        replace(word, start=word.start + seconds, end=word.end + seconds) for word in segment.words
    )
    return replace(segment, start=segment.start + seconds, end=segment.end + seconds, words=words)


def say_hello(chunk: Region) -> list[Segment]:
    """One short sentence at the chunk's start."""
    return [spoken(chunk.start, "Hello", "there.")]


@dataclass
class ScriptedWhisper:
    """Answers each window of a ramp by a function; keeps the arguments of every call.

    The functions get and give times of the whole audio. More windows than `fits` are too many.
    """

    batched_answer: Callable[[Region], list[Segment]] = say_hello
    sequential_answer: Callable[[Region], list[Segment]] = say_hello
    languages: Mapping[str, float] | Callable[[Region], Mapping[str, float]] = field(
        default_factory=lambda: {"en": 0.97, "de": 0.02}
    )
    hold: threading.Event | None = None
    fits: int = 1000
    batches: list[tuple[tuple[Region, ...], Mapping[str, Any]]] = field(default_factory=list)
    singles: list[tuple[Region, Mapping[str, Any]]] = field(default_factory=list)
    detected: list[Region] = field(default_factory=list)

    def batched(
        self, windows: Sequence[Audio], arguments: Mapping[str, Any]
    ) -> list[list[Segment]]:
        """See `WhisperBackend`."""
        chunks = tuple(region_of(window) for window in windows)
        self.batches.append((chunks, arguments))
        if len(windows) > self.fits:
            msg = "no room"
            raise WorkerError(msg, code="out_of_memory")
        if self.hold is not None:
            self.hold.wait(10)
        return [_from(chunk, self.batched_answer(chunk)) for chunk in chunks]

    def sequential(self, window: Audio, arguments: Mapping[str, Any]) -> list[Segment]:
        """See `WhisperBackend`."""
        chunk = region_of(window)
        self.singles.append((chunk, arguments))
        return _from(chunk, self.sequential_answer(chunk))

    def language_probabilities(
        self, window: Audio, *, shortest: float = 30.0
    ) -> Mapping[str, float]:
        """See `WhisperBackend`."""
        region = region_of(window)
        self.detected.append(region)
        return self.languages(region) if callable(self.languages) else self.languages


def _from(chunk: Region, segments: Sequence[Segment]) -> list[Segment]:
    return [moved(segment, -chunk.start) for segment in segments]


@dataclass
class FixedVad:
    """Finds the regions that it was made with."""

    regions: tuple[Region, ...]
    asked: int = 0

    def speech_regions(self, audio: Samples, *, should_stop: ShouldStop) -> tuple[Region, ...]:
        """See `VoiceActivityDetector`."""
        self.asked += 1
        return self.regions
