"""The canonical transcript as it is answered."""

from __future__ import annotations

from pydantic import Field

from functions.schemas.base import Model


class WordOut(Model):
    """One word with its leading space. Times are seconds from the start."""

    word: str = Field(examples=[" שלום"])
    start: float
    end: float
    probability: float
    speaker: str | None = Field(default=None, examples=["SPEAKER_00"])


class ExtraDataOut(Model):
    """What the decoder knew about a segment."""

    avg_logprob: float
    compression_ratio: float
    no_speech_prob: float
    temperature: float


class SegmentOut(Model):
    """A stretch of speech."""

    id: int
    start: float
    end: float
    text: str
    speakers: list[str] = Field(description="Who says most comes first.")
    words: list[WordOut]
    extra_data: ExtraDataOut | None = None
    flags: list[str]
    language: str | None = Field(
        default=None, description="Told with `multilingual: true`.", examples=["he"]
    )


class SpeakerOut(Model):
    """How long a speaker spoke (seconds)."""

    label: str
    seconds: float


class TurnOut(Model):
    """One speaker's unbroken stretch (seconds); turns of different speakers may overlap."""

    start: float
    end: float
    speaker: str


class TranscriptOut(Model):
    """The transcript. All times are seconds, monotone, inside the audio."""

    text: str
    language: str
    language_probability: float
    duration: float
    segments: list[SegmentOut]
    speakers: list[SpeakerOut]
    turns: list[TurnOut] = Field(description="Who speaks when, as the diarizer heard it.")
    engine: str
    model: str
    warnings: list[str]
    timings: dict[str, float]
    tamlil_version: str
