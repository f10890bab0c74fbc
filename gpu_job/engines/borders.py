"""Merging what two windows heard where they overlap, so that no word is lost or doubled.

Both heard the same seconds, and each is unsure near its own border. As long as they agree on a run
of words, the change from one to the other is in the middle of that run; if they agree on nothing
it is in the middle of the overlap. (Longest common run: the rule of Hugging Face's Whisper
pipeline for strides, with word times so that a repeated word is not taken for another.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from shared.domain.transcript import Segment, Word

#: Two windows' times for one word differ by less than this.
_NEAR_SECONDS = 0.8


def merge(
    before: Sequence[Segment], after: Sequence[Segment], start: float, end: float
) -> list[Segment]:
    """Join two windows' segments, whose audio overlaps from `start` to `end`.

    Segments without words are taken whole, by the side of the overlap's middle they lie on.
    The two that meet become one, so that a sentence across the border stays one.
    """
    if not before or not after:
        return [*before, *after]
    middle = (start + end) / 2
    first, second = _words(before), _words(after)
    if not first or not second:
        return [s for s in before if _middle(s) < middle] + [
            s for s in after if _middle(s) >= middle
        ]
    left, right = _change(first, second, start, end)
    kept = _take(before, 0, left)
    added = _take(after, right, len(second))
    if kept and added:
        words = (*kept[-1].words, *added[0].words)
        met = replace(
            added[0],
            start=kept[-1].start,
            text="".join(word.word for word in words).strip(),
            words=words,
        )
        return [*kept[:-1], met, *added[1:]]
    return [*kept, *added]


def _words(segments: Sequence[Segment]) -> list[Word]:
    return [word for segment in segments for word in segment.words]


def _middle(timed: Segment | Word) -> float:
    return (timed.start + timed.end) / 2


def _change(
    first: Sequence[Word], second: Sequence[Word], start: float, end: float
) -> tuple[int, int]:
    """Return how many words of the first to keep, and the index of the second's to go on with."""
    run = _longest_run(first, second, start, end)
    if run is not None:
        left, right, length = run
        return left + length // 2, right + length // 2
    middle = (start + end) / 2
    return (
        sum(_middle(word) < middle for word in first),
        sum(_middle(word) < middle for word in second),
    )


def _longest_run(
    first: Sequence[Word], second: Sequence[Word], start: float, end: float
) -> tuple[int, int, int] | None:
    """Return the starts and the length of the longest run of like words at like times."""
    best: tuple[int, int, int] | None = None
    lengths: dict[tuple[int, int], int] = {}
    candidates = [n for n, word in enumerate(first) if word.end > start - _NEAR_SECONDS]
    others = [n for n, word in enumerate(second) if word.start < end + _NEAR_SECONDS]
    for left in candidates:
        for right in others:
            if not _same(first[left], second[right]):
                continue
            length = lengths.get((left - 1, right - 1), 0) + 1
            lengths[left, right] = length
            if best is None or length > best[2]:
                best = (left - length + 1, right - length + 1, length)
    return best


def _same(one: Word, other: Word) -> bool:
    near = abs(_middle(one) - _middle(other)) < _NEAR_SECONDS
    return near and _plain(one.word) == _plain(other.word) != ""


def _plain(word: str) -> str:
    return "".join(letter for letter in word.casefold() if letter.isalnum())


def _take(segments: Sequence[Segment], begin: int, end: int) -> list[Segment]:
    """Return the segments with their words from `begin` to `end`, counted over all of them."""
    taken = []
    position = 0
    for segment in segments:
        count = len(segment.words)
        words = segment.words[max(begin - position, 0) : max(end - position, 0)]
        position += count
        if words:
            text = "".join(word.word for word in words).strip()
            taken.append(
                replace(segment, start=words[0].start, end=words[-1].end, text=text, words=words)
            )
    return taken
