"""A Whisper backend that records what it is asked and answers from a script."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gpu_job.engines.ports import SAMPLE_RATE, Audio, Region, ShouldStop
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


def say_hello(chunk: Region) -> list[Segment]:
    """One short sentence at the chunk's start."""
    return [spoken(chunk.start, "Hello", "there.")]


@dataclass
class ScriptedWhisper:
    """Answers each chunk by a function; keeps the arguments of every call."""

    batched_answer: Callable[[Region], list[Segment]] = say_hello
    sequential_answer: Callable[[Region], list[Segment]] = say_hello
    language: tuple[str, float] = ("en", 0.97)
    hold: threading.Event | None = None
    batches: list[tuple[tuple[Region, ...], Mapping[str, Any]]] = field(default_factory=list)
    singles: list[tuple[Region, Mapping[str, Any]]] = field(default_factory=list)
    detected: int = 0

    def batched(
        self, audio: Audio, chunks: Sequence[Region], arguments: Mapping[str, Any]
    ) -> list[list[Segment]]:
        """See `WhisperBackend`."""
        self.batches.append((tuple(chunks), arguments))
        if self.hold is not None:
            self.hold.wait(10)
        return [self.batched_answer(chunk) for chunk in chunks]

    def sequential(
        self, audio: Audio, chunk: Region, arguments: Mapping[str, Any]
    ) -> list[Segment]:
        """See `WhisperBackend`."""
        self.singles.append((chunk, arguments))
        return self.sequential_answer(chunk)

    def detect_language(self, audio: Audio, chunks: Sequence[Region]) -> tuple[str, float]:
        """See `WhisperBackend`."""
        self.detected += 1
        return self.language


@dataclass
class FixedVad:
    """Finds the regions that it was made with."""

    regions: tuple[Region, ...]
    asked: int = 0

    def speech_regions(self, audio: Audio, *, should_stop: ShouldStop) -> tuple[Region, ...]:
        """See `VoiceActivityDetector`."""
        self.asked += 1
        return self.regions
