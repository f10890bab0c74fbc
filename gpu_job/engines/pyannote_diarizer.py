"""Diarization by a pipeline of pyannote.audio (community-1, or one of your own).

This module knows no torch: it turns the pipeline's answers into turns, tells progress and stops.
`gpu_job.engines.pyannote_backend` is the thin layer over the library.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from gpu_job.engines.interruptible import engine_errors, raise_stopped, run_interruptibly
from gpu_job.engines.ports import (
    SAMPLE_RATE,
    Audio,
    Diarization,
    OnSeconds,
    Samples,
    ShouldStop,
)
from gpu_job.engines.pyannote_voices import PyannoteVoices, pack, silence, unpack
from shared.domain.options import DiarizationArgs
from shared.domain.transcript import Turn

#: Below this no window of any network holds a frame: nothing to listen to (seconds).
SHORTEST = 0.1
#: The part of the work that the pipeline's first stage takes. Measured with community-1's networks
#: on two cores: 8.4 of 51.9 CPU seconds for 20 s of audio.
_SEGMENTATION_SHARE = 0.16
#: Samples are read so many at a time, lest they be in memory twice.
_BLOCK = 60 * SAMPLE_RATE


@dataclass(frozen=True, kw_only=True, slots=True)
class Labelled:
    """A stretch (seconds) with the pipeline's own label."""

    start: float
    end: float
    label: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Grouping:
    """A pipeline's answer: all speech, and the same without overlaps."""

    turns: tuple[Labelled, ...]
    exclusive: tuple[Labelled, ...]


#: Hears a stage, and how many of its batches are done out of how many.
OnBatch = Callable[[str, int, int], None]


class PyannoteBackend(Protocol):
    """What the engine needs of the library; each call may take minutes."""

    @property
    def pipeline(self) -> str:
        """Names the pipeline, by its content."""
        ...

    def listen(
        self, waveform: Audio, args: DiarizationArgs, on_batch: OnBatch
    ) -> tuple[Grouping, PyannoteVoices | None]:
        """Run the whole pipeline; no voices when nobody speaks. `on_batch` may raise."""
        ...

    def group(self, voices: PyannoteVoices, args: DiarizationArgs) -> Grouping:
        """Run the pipeline from its clustering on."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class PyannoteDiarizer:
    """One loaded pipeline. It needs the whole waveform in memory: 64,000 bytes a second."""

    backend: PyannoteBackend

    def diarize(
        self,
        audio: Samples,
        args: DiarizationArgs,
        *,
        on_progress: OnSeconds,
        should_stop: ShouldStop,
    ) -> Diarization:
        """See `gpu_job.engines.ports.Diarizer`."""
        if should_stop():
            raise_stopped()
        duration = len(audio) / SAMPLE_RATE
        if duration < SHORTEST:
            return Diarization(turns=(), voices=pack(silence(self.backend.pipeline, duration)))
        waveform = _whole(audio)
        run = _Run(duration=duration, on_progress=on_progress, should_stop=should_stop)

        def work() -> tuple[Grouping, PyannoteVoices | None]:
            with engine_errors("pyannote"):
                return self.backend.listen(waveform, args, run.on_batch)

        try:
            grouping, voices = run_interruptibly(work, run.poll)
        finally:
            run.over = True
        on_progress(duration)
        heard = voices or silence(self.backend.pipeline, duration)
        return _diarization(grouping, pack(heard), duration)

    def regroup(self, voices: bytes, args: DiarizationArgs) -> tuple[Turn, ...]:
        """See `gpu_job.engines.ports.Diarizer`."""
        heard = unpack(voices, self.backend.pipeline)
        if not len(heard.segmentation):
            return ()
        with engine_errors("pyannote"):
            grouping = self.backend.group(heard, args)
        return _diarization(grouping, voices, heard.duration).turns


def _whole(audio: Samples) -> Audio:
    """All samples, in memory of our own."""
    waveform = np.empty(len(audio), dtype=np.float32)
    for first in range(0, len(audio), _BLOCK):
        waveform[first : first + _BLOCK] = audio[first : first + _BLOCK]
    return waveform


@dataclass(kw_only=True, slots=True)
class _Run:
    """One call: progress goes from the pipeline's thread to the caller's, the stop comes back."""

    duration: float
    on_progress: OnSeconds
    should_stop: ShouldStop
    done: float = 0.0
    told: float = 0.0
    over: bool = False

    def on_batch(self, stage: str, completed: int, total: int) -> None:
        """Called by the pipeline in its thread; ends it when nobody waits for it any more."""
        if self.over:
            raise_stopped()
        part = completed / max(total, 1)
        if stage == "segmentation":
            self.done = max(self.done, part * _SEGMENTATION_SHARE)
        elif stage == "embeddings":
            self.done = max(self.done, _SEGMENTATION_SHARE + part * (1 - _SEGMENTATION_SHARE))

    def poll(self) -> bool:
        """Called in the caller's thread, ten times a second."""
        if self.should_stop():
            return True
        if self.done > self.told:
            self.told = self.done
            self.on_progress(self.told * self.duration)
        return False


def _diarization(grouping: Grouping, voices: bytes, duration: float) -> Diarization:
    """Turns inside the audio, sorted, with labels in order of appearance."""
    turns = _inside(grouping.turns, duration)
    exclusive = _inside(grouping.exclusive, duration)
    names: dict[str, str] = {}
    for turn in (*turns, *exclusive):
        names.setdefault(turn.label, f"SPEAKER_{len(names):02d}")
    return Diarization(
        turns=_named(turns, names), voices=voices, exclusive=_named(exclusive, names)
    )


def _inside(turns: Iterable[Labelled], duration: float) -> list[Labelled]:
    """The last window reaches beyond the audio's end, and so may a turn."""
    cut = [
        Labelled(start=max(turn.start, 0.0), end=min(turn.end, duration), label=turn.label)
        for turn in turns
    ]
    kept = [turn for turn in cut if turn.end > turn.start]
    return sorted(kept, key=lambda turn: (turn.start, turn.end, turn.label))


def _named(turns: Sequence[Labelled], names: dict[str, str]) -> tuple[Turn, ...]:
    return tuple(
        Turn(start=round(turn.start, 3), end=round(turn.end, 3), speaker=names[turn.label])
        for turn in turns
    )
