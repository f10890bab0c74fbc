"""Running text as paragraphs: a change of speaker, a pause, or its length ends one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from shared.domain.transcript import Transcript
from shared.formats.base import RenderOptions, shows_speakers
from shared.formats.lines import unit_width
from shared.formats.punctuation import ends_clause, ends_sentence
from shared.formats.units import Unit, join, segment_units

PARAGRAPH_OPTIONS = frozenset({"paragraphs", "paragraph_pause", "max_paragraph_chars"})
DEFAULT_PAUSE_SECONDS = 2.0
DEFAULT_CHARS = 800  # what a page of a transcript bears before the eye gets lost


@dataclass(frozen=True, kw_only=True, slots=True)
class Paragraph:
    """Words of one speaker (None where speakers are not shown); at least one."""

    speaker: str | None
    units: tuple[Unit, ...]

    @property
    def start(self) -> float:
        """Seconds."""
        return self.units[0].start

    @property
    def end(self) -> float:
        """Seconds."""
        return max(unit.end for unit in self.units)

    @property
    def text(self) -> str:
        """As one line."""
        return join(self.units)


def lay_paragraphs(
    transcript: Transcript, options: RenderOptions, *, by_default: bool = True
) -> list[Paragraph]:
    """Cut the transcript into paragraphs or, where they are off, one a segment and speaker.

    A paragraph is longer than `max_paragraph_chars` only when it is a single word. One that must
    be cut is cut after a sentence, a clause or a word, in this order, in its second half.
    """
    streams = _segments(transcript, named=shows_speakers(transcript, options))
    pause: float | None = None
    most: int | None = None
    if options.wants_paragraphs(by_default=by_default):
        streams = [[unit for stream in streams for unit in stream]]
        pause = options.paragraph_pause or DEFAULT_PAUSE_SECONDS
        most = options.max_paragraph_chars or DEFAULT_CHARS
    return [
        Paragraph(speaker=part[0].speaker, units=tuple(part))
        for stream in streams
        for run in _runs(stream, pause)
        for part in _chop(run, most)
    ]


def _segments(transcript: Transcript, *, named: bool) -> list[list[Unit]]:
    """Each segment's units; its first starts a new word, whatever the first token says."""
    streams = []
    for segment in transcript.segments:
        units = segment_units(segment)
        if not named:
            units = [replace(unit, speaker=None) for unit in units]
        if units:
            streams.append([replace(units[0], spaced=True), *units[1:]])
    return streams


def _runs(units: Sequence[Unit], pause: float | None) -> Iterator[list[Unit]]:
    if not units:
        return
    run = [units[0]]
    for before, after in pairwise(units):
        paused = pause is not None and after.start - before.end >= pause
        if paused or before.speaker != after.speaker:
            yield run
            run = []
        run.append(after)
    yield run


def _chop(run: Sequence[Unit], most: int | None) -> Iterator[Sequence[Unit]]:
    start = 0
    while start < len(run):
        end = len(run) if most is None else _cut(run, start, most)
        yield run[start:end]
        start = end


def _cut(run: Sequence[Unit], start: int, most: int) -> int:
    used, end = unit_width(run[start], is_first=True), start + 1
    while end < len(run) and used + unit_width(run[end], is_first=False) <= most:
        used += unit_width(run[end], is_first=False)
        end += 1
    if end == len(run):
        return end
    for is_good in (ends_sentence, ends_clause):
        for cut in range(end, start + (end - start) // 2, -1):
            if is_good(run[cut - 1].text):
                return cut
    return end
