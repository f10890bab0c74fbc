"""Cutting a transcript into subtitle cues.

Cues end at words, at a change of speaker, at a long pause and at the end of a segment; where a
stretch of speech needs several cues, a shortest path over its words picks the cuts: as few cues as
possible, of even length, preferably after a sentence or a clause, and with time to be read. Word
times decide cue times.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from shared.domain.transcript import Transcript
from shared.formats.base import RenderOptions
from shared.formats.lines import reach, unit_width, wrap_evenly
from shared.formats.punctuation import ends_clause, ends_sentence
from shared.formats.units import Unit, join, segment_units, visible_length

CUE_OPTIONS = frozenset({
    "max_line_width", "max_lines", "max_chars_per_second", "max_cue_seconds"
})  # fmt: skip
DEFAULT_LINE_WIDTH = 42  # characters; what broadcasters and streaming services ask for
DEFAULT_LINES = 2
DEFAULT_CHARS_PER_SECOND = 20.0  # what adults read at ease, by the same guides
DEFAULT_CUE_SECONDS = 7.0  # longer ones are read twice
MIN_CUE_MS = 1_000  # a shorter cue is held on the screen, if nothing follows it
PAUSE_SECONDS = 1.5  # text must not stand ahead of speech by more than this


@dataclass(frozen=True, kw_only=True, slots=True)
class CueLimits:
    """`width` in characters, `lines` in a cue; `prefix` gives the text before a speaker's cue.

    `seconds` is what a cue lasts at most, `reading_speed` the characters (spaces included) that a
    second may bring: words are never left out for it, but cues are cut and held to come near it.
    """

    width: int = DEFAULT_LINE_WIDTH
    lines: int = DEFAULT_LINES
    seconds: float = DEFAULT_CUE_SECONDS
    reading_speed: float = DEFAULT_CHARS_PER_SECOND
    prefix: Callable[[str], str] | None = None

    @classmethod
    def of(cls, options: RenderOptions, prefix: Callable[[str], str] | None = None) -> CueLimits:
        """What the caller asks for, and the defaults for the rest."""
        return cls(
            width=options.max_line_width or DEFAULT_LINE_WIDTH,
            lines=options.max_lines or DEFAULT_LINES,
            seconds=options.max_cue_seconds or DEFAULT_CUE_SECONDS,
            reading_speed=options.max_chars_per_second or DEFAULT_CHARS_PER_SECOND,
            prefix=prefix,
        )

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

    @property
    def units(self) -> tuple[Unit, ...]:
        """All of its units, in order."""
        return tuple(unit for line in self.lines for unit in line)

    @property
    def length(self) -> int:
        """Characters to read, a line's end counted as a space."""
        return visible_length(" ".join(self.texts))


def cut_cues(transcript: Transcript, limits: CueLimits) -> list[Cue]:
    """Cut the whole transcript, in order of start times.

    Cues overlap only where segments do. A first word counts together with the prefix before it; a
    word longer than a line stands alone on one.
    """
    cues: list[Cue] = []
    horizon, last_end = -1.0, 0
    segments = sorted(transcript.segments, key=lambda item: item.start)
    followers = [*(segment.start for segment in segments[1:]), transcript.duration]
    for segment, follower in zip(segments, followers, strict=False):
        floor = 0 if segment.start < horizon else last_end
        runs = list(_runs(segment_units(segment)))
        for run, until in zip(runs, [*(run[0].start for run in runs[1:]), follower], strict=False):
            for part in _partition(run, limits, until):
                cue = _make_cue(part, limits, floor)
                cues.append(cue)
                floor = cue.end_ms
        horizon, last_end = max(horizon, segment.end), max(last_end, floor)
    cues.sort(key=lambda cue: cue.start_ms)
    return _hold_cues(cues, limits, round(transcript.duration * 1000))


def timestamp(milliseconds: int, *, decimal: str) -> str:
    """``HH:MM:SS`` with three decimals after the given sign."""
    seconds, thousandths = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{decimal}{thousandths:03}"


def clock(seconds: float) -> str:
    """``HH:MM:SS``, the started second left out."""
    return timestamp(round(seconds * 1000), decimal=".").split(".")[0]


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


def _partition(run: list[Unit], limits: CueLimits, until: float) -> list[list[Unit]]:
    """Cut a run into cues of least total cost (shortest path over its words).

    `until` is when the next run starts, in seconds: so long the last cue may be held.
    """
    lead = len(limits.lead(run[0].speaker))
    best = [0.0] + [math.inf] * len(run)
    came_from = [0] * (len(run) + 1)
    endings = [_ending_cost(unit.text) for unit in run]
    leaves = [*(unit.start for unit in run[1:]), max(until, run[-1].end)]
    capacity = limits.width * limits.lines
    for start in range(len(run)):
        used = lead
        for end in reach(run, start, width=limits.width, lines=limits.lines, lead=lead):
            last = run[end - 1]
            if end > start + 1 and last.end - run[start].start > limits.seconds:
                break
            used += unit_width(last, is_first=False)
            shown = min(leaves[end - 1] - run[start].start, limits.seconds)
            # One for being a cue, the share of it left empty, where it ends, and haste.
            cost = best[start] + 1.0 + max(0.0, 1 - used / capacity) ** 2 + endings[end - 1]
            cost += _haste_cost(used - lead, shown, limits.reading_speed)
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
    if ends_sentence(word):
        return 0.0
    return 0.1 if ends_clause(word) else 0.3


def _haste_cost(chars: int, seconds: float, reading_speed: float) -> float:
    """Cost of a cue that goes before it is read: how far it is over the speed, at most one cue."""
    return min(1.0, max(0.0, chars / max(seconds, 0.001) / reading_speed - 1))


def _make_cue(part: list[Unit], limits: CueLimits, floor: int) -> Cue:
    start = max(floor, round(part[0].start * 1000))
    # A single word may claim more than a cue's time; it doesn't stay on the screen for it.
    end = min(round(part[-1].end * 1000), start + round(limits.seconds * 1000))
    lead = len(limits.lead(part[0].speaker))
    return Cue(
        start_ms=start,
        end_ms=max(start + 1, end),
        speaker=part[0].speaker,
        lines=tuple(wrap_evenly(part, width=limits.width, lead=lead)),
    )


def _hold_cues(cues: list[Cue], limits: CueLimits, duration_ms: int) -> list[Cue]:
    """Let cues stand until they can be read, or the next one comes."""
    borders = [*(cue.start_ms for cue in cues[1:]), duration_ms]
    return [
        replace(cue, end_ms=max(cue.end_ms, min(cue.start_ms + _time_to_read(cue, limits), border)))
        for cue, border in zip(cues, borders, strict=False)
    ]


def _time_to_read(cue: Cue, limits: CueLimits) -> int:
    wanted = max(MIN_CUE_MS, math.ceil(cue.length * 1000 / limits.reading_speed))
    return min(wanted, round(limits.seconds * 1000))
