"""What the job program asks of an engine.

Audio is always mono float32 at 16 kHz, values in -1..1, shape (n,). Times are seconds from its
start. Callbacks run in the caller's thread. `should_stop` is asked at least ten times a second;
when it turns true the call raises `Stopped` within a second, and nothing more is reported.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from shared.domain.options import DiarizationArgs, TranscriptionOptions
from shared.domain.transcript import Segment, Turn

SAMPLE_RATE = 16_000

Audio = NDArray[np.float32]


class Samples(Protocol):
    """Audio of any length, in memory or on disk: mono float32 at 16 kHz, values in -1..1.

    Engines ask for its length and for bounded windows, never for the whole.
    """

    def __len__(self) -> int:
        """Number of samples."""
        ...

    def __getitem__(self, window: slice, /) -> Audio:
        """The samples of a window, (n,); the part of it beyond the end is left out."""
        ...


OnSegment = Callable[[Segment], None]
OnSeconds = Callable[[float], None]
ShouldStop = Callable[[], bool]


def never() -> bool:
    """Go on to the end."""
    return False


@dataclass(frozen=True, kw_only=True, slots=True)
class Region:
    """A stretch of audio (seconds) in which somebody speaks."""

    start: float
    end: float


@dataclass(frozen=True, kw_only=True, slots=True)
class TranscriptionOutput:
    """What an engine heard. `language` is ``und`` with probability 0 when nobody spoke."""

    segments: tuple[Segment, ...]
    language: str
    language_probability: float


class Transcriber(Protocol):
    """Turns speech into timed segments."""

    def transcribe(
        self,
        audio: Audio,
        options: TranscriptionOptions,
        *,
        on_segment: OnSegment,
        on_progress: OnSeconds,
        should_stop: ShouldStop,
        start_at: float = 0.0,
        language: tuple[str, float] | None = None,
    ) -> TranscriptionOutput:
        """Transcribe `audio` and return all segments, in order, numbered from 0.

        Each segment goes to `on_segment` as soon as its chunk is done; `on_progress` then hears
        the end of the last finished chunk: everything before it has been reported. To resume
        after a crash, pass that value as `start_at` (chunks are planned alike every time) and the
        detected language with its probability as `language`.

        Raises:
            UnsupportedOption: the model can't do what `options` ask.
            WorkerError: the engine failed (codes ``engine_failed``, ``out_of_memory``).
            Stopped: `should_stop` turned true.
        """
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Diarization:
    """Who speaks when, and what was heard of the voices.

    `turns` are sorted by start; labels are ``SPEAKER_00`` … in order of appearance. No speech
    gives no turns; turns of different speakers may overlap. `voices` is for `Diarizer.regroup`
    only: bytes of the diarizer's own making, to be kept with the job and erased with it, since
    voice prints are personal data.
    """

    turns: tuple[Turn, ...]
    voices: bytes


class Diarizer(Protocol):
    """Finds who speaks when."""

    def diarize(
        self,
        audio: Samples,
        args: DiarizationArgs,
        *,
        on_progress: OnSeconds,
        should_stop: ShouldStop,
    ) -> Diarization:
        """Listen to the audio and group its voices; `on_progress` hears seconds that are done.

        Numbers of speakers in `args` are honoured as far as there are voices to tell apart.

        Raises:
            WorkerError: the engine failed.
            Stopped: `should_stop` turned true.
        """
        ...

    def regroup(self, voices: bytes, args: DiarizationArgs) -> tuple[Turn, ...]:
        """Group the voices of an earlier `diarize` anew; the same `args` give the same turns.

        Takes seconds, and no audio.

        Raises:
            WorkerError: ``voices_unreadable`` (not retryable): damaged, or of another diarizer or
                version; the audio must be heard again.
        """
        ...


class VoiceActivityDetector(Protocol):
    """Finds where anybody speaks."""

    def speech_regions(self, audio: Audio, *, should_stop: ShouldStop) -> tuple[Region, ...]:
        """Return disjoint regions in order, none longer than 30 seconds.

        Raises:
            Stopped: `should_stop` turned true.
        """
        ...
