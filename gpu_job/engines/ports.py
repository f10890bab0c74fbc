"""What the job program asks of an engine.

Audio is always mono float32 at 16 kHz, values in -1..1, shape (n,). Times are seconds from its
start. Callbacks run in the caller's thread. `should_stop` is asked at least ten times a second;
when it turns true the call raises `Stopped` within a second, and nothing more is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
#: Hears a language's code and its probability.
OnLanguage = Callable[[str, float], None]
ShouldStop = Callable[[], bool]


def never() -> bool:
    """Go on to the end."""
    return False


def ignore_language(_code: str, _probability: float) -> None:
    """Nobody needs the language before the end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Region:
    """A stretch of audio (seconds) in which somebody speaks.

    `language` and its probability are known in the plan of a recording that switches languages
    (`TranscriptionOptions.multilingual`), else None: the recording's.
    """

    start: float
    end: float
    language: str | None = None
    language_probability: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class TranscriptionOutput:
    """What an engine heard. `language` is ``und`` with probability 0 when nobody spoke."""

    segments: tuple[Segment, ...]
    language: str
    language_probability: float


class Transcriber(Protocol):
    """Turns speech into timed segments.

    `plan`, `detect_language` and `transcribe` may be called one by one, so that a caller can keep
    the plan, choose another model for the language, and resume after a crash. Memory does not
    grow with the audio.
    """

    def plan(
        self, audio: Samples, options: TranscriptionOptions, *, should_stop: ShouldStop
    ) -> tuple[Region, ...]:
        """Return what is to be decoded, in order: speech, or everything without `options.vad`.

        With `options.multilingual` each region names its language.

        The same audio and options give the same plan. Several regions may be decoded at once;
        one that begins before the last has ended was cut where somebody speaks, and the words of
        the overlap are merged.

        Raises:
            UnsupportedOption: the model can't do what `options` ask.
            WorkerError: the engine failed.
            Stopped: `should_stop` turned true.
        """
        ...

    def detect_language(
        self,
        audio: Samples,
        options: TranscriptionOptions,
        *,
        chunks: Sequence[Region],
        should_stop: ShouldStop,
    ) -> tuple[str, float]:
        """Return the language's code and its probability.

        What `options` name has probability 1, and so has the only language of a model; ``und``
        has 0 and means that nobody speaks. With `options.multilingual` it is the one with most
        speech in `chunks`.

        Raises:
            UnsupportedOption: the model does not know the language that `options` name.
            WorkerError: the engine failed.
            Stopped: `should_stop` turned true.
        """
        ...

    def transcribe(  # noqa: PLR0913 (all by name, most with a default)
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
        """Transcribe `audio` and return what was reported, in order.

        Args:
            audio: the samples.
            options: all of them reach the decoder.
            on_segment: hears each segment once, when it is final. They are numbered from 0, or
                on from the last of `previous`.
            on_progress: hears a time; everything before it has been reported.
            should_stop: see this module.
            on_language: called once, before the first segment, also when `language` is given.
            chunks: a plan of `plan` for this audio; made here without it.
            start_at: what `on_progress` heard last, to resume: with the same chunks and language
                exactly the segments that were not yet reported come.
            language: the code and its probability when already detected.
            previous: to resume, the segments before `start_at`; the last ones suffice.

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
    gives no turns; turns of different speakers may overlap. `exclusive` has at most one speaker at
    any time and the same labels: words go by it, where a diarizer makes it (it is empty
    otherwise). `voices` is for `Diarizer.regroup` only: bytes of the diarizer's own making, to be
    kept with the job and erased with it, since voice prints are personal data.
    """

    turns: tuple[Turn, ...]
    voices: bytes
    exclusive: tuple[Turn, ...] = ()

    @property
    def turns_for_words(self) -> tuple[Turn, ...]:
        """What `assign_speakers` goes by."""
        return self.exclusive or self.turns


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

    def speech_regions(self, audio: Samples, *, should_stop: ShouldStop) -> tuple[Region, ...]:
        """Return regions in order of their starts; none is padded or joined across a pause.

        The result does not depend on the windows in which the audio is read. Regions may be of
        any length; they are disjoint.

        Raises:
            Stopped: `should_stop` turned true.
        """
        ...
