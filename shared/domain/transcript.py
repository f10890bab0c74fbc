"""The canonical transcript: the one document from which every format is rendered.

All times are seconds from the start of the audio, monotone, and inside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True, slots=True)
class Word:
    """One word with its leading space, as Whisper tokenizes it.

    `probability` is 0..1; `speaker` is a label such as ``SPEAKER_00`` or None.
    """

    word: str
    start: float
    end: float
    probability: float
    speaker: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ExtraData:
    """What the decoder knew about a segment."""

    avg_logprob: float
    compression_ratio: float
    no_speech_prob: float
    temperature: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """A stretch of speech; `speakers` holds labels, the one who says most first.

    `language` is what is spoken in it where that was asked for by itself, else None: the
    transcript's.
    """

    id: int
    start: float
    end: float
    text: str
    speakers: tuple[str, ...] = ()
    words: tuple[Word, ...] = ()
    extra_data: ExtraData | None = None
    flags: tuple[str, ...] = ()
    language: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SpeakerTotal:
    """How long a speaker spoke in the whole audio (seconds)."""

    label: str
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """One speaker's uninterrupted stretch, as a diarizer finds it; turns may overlap."""

    start: float
    end: float
    speaker: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Transcript:
    """The result of a job. `timings` maps a stage's name to its wall seconds.

    `turns` are the diarizer's, overlap included; empty where nobody was told apart.
    """

    text: str
    language: str
    language_probability: float
    duration: float
    segments: tuple[Segment, ...]
    engine: str
    model: str
    tamlil_version: str
    speakers: tuple[SpeakerTotal, ...] = ()
    turns: tuple[Turn, ...] = ()
    warnings: tuple[str, ...] = ()
    timings: Mapping[str, float] = field(default_factory=dict)
