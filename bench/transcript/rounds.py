"""Systems take turns on each recording, round after round, and what comes of it is summed up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median

import numpy as np

from bench.transcript.recordings import Recording
from bench.transcript.scoring import SpeakerErrors, WordErrors, speaker_errors, word_errors
from bench.transcript.systems import Run, System

#: Called before each run with a line for people.
Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Total:
    """One system in one round over all recordings of a set.

    Seconds, seconds of CPU and counts are sums; `peak` (MiB) is the largest; `lengths` are those
    of all segments (seconds). `words_wrong` and `speakers_wrong` are None where there is no
    reference or the system does not tell.
    """

    seconds: float
    wall: float
    cpu: float
    peak: float
    lengths: tuple[float, ...]
    words: int
    words_wrong: WordErrors | None
    speakers_wrong: SpeakerErrors | None
    diarizer_wall: float
    diarizer_cpu: float

    @property
    def segments(self) -> int:
        """How many there are."""
        return len(self.lengths)

    def length(self, percent: float) -> float:
        """What so many per cent of the segments do not pass (seconds); 0 without any."""
        return float(np.percentile(self.lengths, percent)) if self.lengths else 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Spread:
    """A median of rounds, and the least and the most of them."""

    middle: float
    low: float
    high: float


#: By system's name: one total a round.
Totals = Mapping[str, Sequence[Total]]


def in_turn(
    systems: Sequence[System], recordings: Sequence[Recording], rounds: int, say: Say
) -> Totals:
    """A B C, A B C, … on each recording of a set; one total a system and round."""
    totals: dict[str, list[Total]] = {system.name: [] for system in systems}
    for number in range(rounds):
        runs: dict[str, list[Run]] = {system.name: [] for system in systems}
        for recording, system in order(recordings, systems):
            say(f"  round {number + 1} of {rounds}: {recording.path.name}: {system.name}")
            with _others_suspended(system, systems):
                runs[system.name].append(system.run(recording))
        for name, found in runs.items():
            totals[name].append(total(recordings, found))
    return totals


def order(
    recordings: Sequence[Recording], systems: Sequence[System]
) -> Iterator[tuple[Recording, System]]:
    """All systems on the first recording, then all on the next one."""
    for recording in recordings:
        for system in systems:
            yield recording, system


def warm_up(systems: Sequence[System], recording: Recording, say: Say) -> None:
    """Let each load what it loads late; nothing is measured."""
    for system in systems:
        say(f"  warming up: {system.name}")
        with _others_suspended(system, systems):
            system.run(recording)


def total(recordings: Sequence[Recording], runs: Sequence[Run]) -> Total:
    """Sum up one round of one system; the runs are those of the recordings, in order."""
    pairs = list(zip(recordings, runs, strict=True))
    words = [
        word_errors(recording.text, run.heard.text, language=recording.language)
        for recording, run in pairs
        if recording.text and run.heard.text is not None
    ]
    speakers = [
        speaker_errors(recording.turns, run.heard.turns, scored=recording.scored)
        for recording, run in pairs
        if recording.turns and run.heard.turns is not None
    ]
    return Total(
        seconds=sum(recording.seconds for recording in recordings),
        wall=sum(run.wall for run in runs),
        cpu=sum(run.cpu for run in runs),
        peak=max(run.peak for run in runs),
        lengths=tuple(length for run in runs for length in run.heard.lengths),
        words=sum(run.heard.words for run in runs),
        words_wrong=sum(words[1:], words[0]) if words else None,
        speakers_wrong=sum(speakers[1:], speakers[0]) if speakers else None,
        diarizer_wall=sum(run.heard.diarizer.get("wall", 0.0) for run in runs),
        diarizer_cpu=sum(run.heard.diarizer.get("cpu", 0.0) for run in runs),
    )


def spread(values: Sequence[float]) -> Spread:
    """The median between the least and the most.

    Raises:
        ValueError: no values.
    """
    if not values:
        raise ValueError("a spread of no values")
    return Spread(middle=median(values), low=min(values), high=max(values))


def ratios(above: Sequence[float], below: Sequence[float]) -> Spread:
    """Round by round, because what disturbs a round disturbs both sides of it.

    Raises:
        ValueError: no rounds, or not as many on one side as on the other.
        ZeroDivisionError: something below is 0.
    """
    return spread([top / bottom for top, bottom in zip(above, below, strict=True)])


def _others_suspended(system: System, systems: Sequence[System]) -> ExitStack:
    stack = ExitStack()
    for other in systems:
        if other is not system:
            stack.enter_context(other.suspended())
    return stack
