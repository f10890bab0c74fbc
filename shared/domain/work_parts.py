"""What lies in the blob store of a job that is at work: see `shared.domain.saved_work`."""

from __future__ import annotations

from dataclasses import dataclass

from shared.domain.transcript import Segment, Turn


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A batch of finished segments, numbered on from the part before; without speakers.

    `done` is the time (seconds) before which this and all earlier parts hold every segment.
    """

    segments: tuple[Segment, ...]
    done: float
    language: str
    language_probability: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Stretch:
    """A region of the plan (seconds), and its language where regions have their own."""

    start: float
    end: float
    language: str | None = None
    language_probability: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class DecodingPlan:
    """What an attempt has found out before it decodes, so that the next one need not."""

    model: str
    language: str
    language_probability: float
    chunks: tuple[Stretch, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Spoken:
    """Who speaks when, as the diarizer said: all turns, and those that words go by."""

    turns: tuple[Turn, ...]
    exclusive: tuple[Turn, ...]
