"""Who says which word: each word goes to the turn that covers it best.

A segment in which the speaker changes is cut there, so that a segment has one speaker unless no
words are known. Pure functions; times are seconds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from gpu_job.steps.overlap import mark_overlap
from shared.domain.transcript import Segment, SpeakerTotal, Turn, Word

#: A word in a gap between turns goes to a turn this near; word times are not exact.
TOLERANCE_SECONDS = 0.5
#: A lone word this short between two words of one other speaker, without pauses, is a slip of
#: the diarizer's frames and not an interjection.
_STRAY_SECONDS = 0.4
_STRAY_PAUSE = 0.15
_SENTENCE_ENDS = (".", "?", "!", "…", "。", "？", "！", "؟")  # noqa: RUF001 (CJK)


def assign_speakers(
    segments: Sequence[Segment], turns: Sequence[Turn], *, overlapping: Sequence[Turn] = ()
) -> tuple[Segment, ...]:
    """Label words and segments with speakers, and cut segments where the speaker changes.

    A segment in which somebody else speaks at the same time is flagged ``overlap`` and names them
    after its own speaker.

    Args:
        segments: in order; those without words are labelled as a whole and never cut.
        turns: in any order; may overlap. The label that covers most of a word wins; of equals,
            the one whose turn began first.
        overlapping: all turns, where `turns` holds one speaker at any time.

    Returns:
        Segments numbered from 0. A word further than half a second from every turn keeps no label.
    """
    if not turns:
        return tuple(segments)
    finder = _Finder(turns)
    pieces = (piece for segment in segments for piece in _label(segment, finder))
    marked = mark_overlap(pieces, overlapping or turns)
    return tuple(replace(piece, id=number) for number, piece in enumerate(marked))


def speaker_totals(turns: Iterable[Turn]) -> tuple[SpeakerTotal, ...]:
    """Seconds that each speaker spoke, by label. Overlapping turns count for each speaker."""
    seconds: dict[str, float] = defaultdict(float)
    for turn in turns:
        seconds[turn.speaker] += turn.end - turn.start
    return tuple(
        SpeakerTotal(label=label, seconds=round(total, 3))
        for label, total in sorted(seconds.items())
    )


class _Finder:
    """Looks for the turns around a time; questions come in rising order of time."""

    def __init__(self, turns: Sequence[Turn]) -> None:
        self._turns = sorted(turns, key=lambda turn: (turn.start, turn.end))
        self._first = 0

    def speaker(self, start: float, end: float) -> str | None:
        """Return the label that covers most of ``start..end``, or the nearest one in reach."""
        overlaps: dict[str, float] = {}
        nearest: tuple[float, str] | None = None
        for turn in self._near(start, end):
            overlap = min(end, turn.end) - max(start, turn.start)
            if overlap > 0:
                overlaps[turn.speaker] = overlaps.get(turn.speaker, 0.0) + overlap
            elif nearest is None or -overlap < nearest[0]:
                nearest = (-overlap, turn.speaker)
        if overlaps:
            return max(overlaps, key=lambda label: overlaps[label])
        return nearest[1] if nearest else None

    def _near(self, start: float, end: float) -> Iterator[Turn]:
        turns = self._turns
        while self._first < len(turns) and turns[self._first].end < start - TOLERANCE_SECONDS:
            self._first += 1
        for turn in turns[self._first :]:
            if turn.start > end + TOLERANCE_SECONDS:
                return
            if turn.end >= start - TOLERANCE_SECONDS:
                yield turn


def _label(segment: Segment, finder: _Finder) -> Iterator[Segment]:
    if not segment.words:
        speaker = finder.speaker(segment.start, segment.end)
        yield replace(segment, speakers=(speaker,) if speaker else ())
        return
    labelled = [
        replace(word, speaker=finder.speaker(word.start, word.end)) for word in segment.words
    ]
    for speaker, group in groupby(_smooth(labelled), key=lambda word: word.speaker):
        yield _cut(segment, tuple(group), speaker)


def _smooth(words: list[Word]) -> list[Word]:
    """Give a stray word to its neighbours where nothing speaks against it; fill lone gaps."""
    smoothed = list(words)
    for position in range(1, len(words) - 1):
        before, word, after = smoothed[position - 1], smoothed[position], words[position + 1]
        if before.speaker == after.speaker != word.speaker and _is_stray(before, word, after):
            smoothed[position] = replace(word, speaker=before.speaker)
    return smoothed


def _is_stray(before: Word, word: Word, after: Word) -> bool:
    if word.speaker is None:
        return True
    return (
        word.end - word.start <= _STRAY_SECONDS
        and word.start - before.end <= _STRAY_PAUSE
        and after.start - word.end <= _STRAY_PAUSE
        and not before.word.rstrip().endswith(_SENTENCE_ENDS)
        and not word.word.rstrip().endswith(_SENTENCE_ENDS)
    )


def _cut(segment: Segment, words: tuple[Word, ...], speaker: str | None) -> Segment:
    speakers = (speaker,) if speaker else ()
    if len(words) == len(segment.words):
        return replace(segment, words=words, speakers=speakers)
    return replace(
        segment,
        start=words[0].start,
        end=words[-1].end,
        text="".join(word.word for word in words).strip(),
        words=words,
        speakers=speakers,
    )
