"""Cutting a transcript into subtitle cues.

Cues end at words, at a change of speaker, at a long pause and at the end of a segment; where a
stretch of speech needs several cues, a shortest path over its words picks the cuts: as few cues as
possible, of even length, preferably after a sentence or a clause. Word times decide cue times.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from shared.domain.transcript import Transcript
from shared.formats.lines import reach, wrap_evenly
from shared.formats.units import Unit, join, segment_units

DEFAULT_LINE_WIDTH = 42  # characters; what broadcasters and streaming services ask for
DEFAULT_LINES = 2
MIN_CUE_MS = 1_000  # a shorter cue is held on the screen, if nothing follows it
MAX_CUE_SECONDS = 7.0  # longer ones are read twice
PAUSE_SECONDS = 1.5  # text must not stand ahead of speech by more than this

_SENTENCE_END = ".?!…。？！؟׃"  # noqa: RUF001 - many scripts' marks
_CLAUSE_END = ",;:、，；：،؛"  # noqa: RUF001 - many scripts' marks
_CLOSERS = "\"'”’»)]」』）"  # noqa: RUF001 - many scripts' marks


@dataclass(frozen=True, kw_only=True, slots=True)
class CueLimits:
    """`width` in characters, `lines` in a cue; `prefix` gives the text before a speaker's cue."""

    width: int = DEFAULT_LINE_WIDTH
    lines: int = DEFAULT_LINES
    prefix: Callable[[str], str] | None = None

    def lead(self, speaker: str | None) -> str:
        """The visible text before the first word of a cue."""
        return self.prefix(speaker) if self.prefix and speaker else ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cue:
    """One subtitle; times in milliseconds from the start of the audio, end after start."""

    start_ms: int
    end_ms: int
    speaker: str | None
    lines: tuple[tuple[Unit, ...], ...]

    @property
    def texts(self) -> list[str]:
        """The text of each line, without prefix or markup."""
        return [join(line) for line in self.lines]


def cut_cues(transcript: Transcript, limits: CueLimits) -> list[Cue]:
    """Cut the whole transcript, in order of start times.

    Cues overlap only where segments do. A first word counts together with the prefix before it; a
    word longer than a line stands alone on one.
    """
    cues: list[Cue] = []
    horizon, last_end = -1.0, 0
    for segment in sorted(transcript.segments, key=lambda item: item.start):
        floor = 0 if segment.start < horizon else last_end
        for run in _runs(segment_units(segment)):
            for part in _partition(run, limits):
                cue = _make_cue(part, limits, floor)
                cues.append(cue)
                floor = cue.end_ms
        horizon, last_end = max(horizon, segment.end), max(last_end, floor)
    cues.sort(key=lambda cue: cue.start_ms)
    return _hold_short_cues(cues, round(transcript.duration * 1000))


def timestamp(milliseconds: int, *, decimal: str) -> str:
    """``HH:MM:SS`` with three decimals after the given sign."""
    seconds, thousandths = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{decimal}{thousandths:03}"


def speaker_runs(units: Sequence[Unit]) -> Iterator[list[Unit]]:
    """Group neighbouring units of one speaker."""
    yield from _split(units, lambda before, after: before.speaker != after.speaker)


def _runs(units: Sequence[Unit]) -> Iterator[list[Unit]]:
    yield from _split(
        units,
        lambda before, after: (
            before.speaker != after.speaker or after.start - before.end >= PAUSE_SECONDS
        ),
    )


def _split(units: Sequence[Unit], is_cut: Callable[[Unit, Unit], bool]) -> Iterator[list[Unit]]:
    if not units:
        return
    run = [units[0]]
    for before, after in pairwise(units):
        if is_cut(before, after):
            yield run
            run = []
        run.append(after)
    yield run


def _partition(run: list[Unit], limits: CueLimits) -> list[list[Unit]]:
    """Cut a run into cues of least total cost (shortest path over its words)."""
    lead = len(limits.lead(run[0].speaker))
    best = [0.0] + [math.inf] * len(run)
    came_from = [0] * (len(run) + 1)
    endings = [_ending_cost(unit.text) for unit in run]
    for start in range(len(run)):
        capacity = limits.width * limits.lines
        used = lead
        for end in reach(run, start, width=limits.width, lines=limits.lines, lead=lead):
            last = run[end - 1]
            if end > start + 1 and last.end - run[start].start > MAX_CUE_SECONDS:
                break
            used += len(last.text) + last.spaced
            # One for being a cue, the share of it left empty, and where it ends.
            cost = best[start] + 1.0 + max(0.0, 1 - used / capacity) ** 2 + endings[end - 1]
            if cost < best[end]:
                best[end], came_from[end] = cost, start
    parts: list[list[Unit]] = []
    end = len(run)
    while end:
        parts.append(run[came_from[end] : end])
        end = came_from[end]
    return parts[::-1]


def _ending_cost(word: str) -> float:
    """Cost of ending a cue after this word."""
    ending = word.rstrip(_CLOSERS)[-1:]
    if ending and ending in _SENTENCE_END:
        return 0.0
    return 0.1 if ending and ending in _CLAUSE_END else 0.3


def _make_cue(part: list[Unit], limits: CueLimits, floor: int) -> Cue:
    start = max(floor, round(part[0].start * 1000))
    lead = len(limits.lead(part[0].speaker))
    return Cue(
        start_ms=start,
        end_ms=max(start + 1, round(part[-1].end * 1000)),
        speaker=part[0].speaker,
        lines=tuple(wrap_evenly(part, width=limits.width, lead=lead)),
    )


def _hold_short_cues(cues: list[Cue], duration_ms: int) -> list[Cue]:
    limits = [*(cue.start_ms for cue in cues[1:]), duration_ms]
    return [
        replace(cue, end_ms=max(cue.end_ms, min(cue.start_ms + MIN_CUE_MS, limit)))
        for cue, limit in zip(cues, limits, strict=False)
    ]
