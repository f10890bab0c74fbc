"""Word times held against the pauses that the voice detector heard.

A decoder's alignment knows no silence: of two words with a pause between them one swallows it,
mostly the second, and the last sound of the first is cut. The pause tells where the one really
ends and the other begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gpu_job.engines.ports import Region
from shared.domain.transcript import Segment, Word

#: A word is never moved farther from where the alignment has it, unless it lies in a pause.
_FARTHEST_END, _FARTHEST_START = 0.5, 0.3
#: A pause is between two words when their border is this near to it (seconds).
_NEAR_SECONDS = 0.6
#: What a word that lay in a pause keeps at least, and a gap at least has to be one.
_LEAST_SECONDS, _GAP_SECONDS = 0.06, 0.02
#: A border inside the pause speaks less against it than one outside.
_INSIDE_WEIGHT = 0.4


def fit_to_speech(segments: Sequence[Segment], pauses: Sequence[Region]) -> list[Segment]:
    """Return the segments with their words' times fitted to the pauses.

    Pauses are in order and disjoint; where a word lies inside one, it moves out. Words keep their
    order, their number and their segments.
    """
    words = [word for segment in segments for word in segment.words]
    for pause in pauses if words else ():
        before = _words_before(words, pause)
        if before is not None:
            words = _parted(words, before, pause)
    fitted = iter(words)
    return [_timed(segment, [next(fitted) for _ in segment.words]) for segment in segments]


def _timed(segment: Segment, words: Sequence[Word]) -> Segment:
    if not words:
        return segment
    return replace(segment, start=words[0].start, end=words[-1].end, words=tuple(words))


def _words_before(words: Sequence[Word], pause: Region) -> int | None:
    """Return how many words are said before the pause; None if no border is near it."""
    costs = {n: _distance(words, n, pause) for n in range(len(words) + 1)}
    nearest = min(costs, key=lambda n: costs[n])
    return nearest if costs[nearest] <= _NEAR_SECONDS else None


def _distance(words: Sequence[Word], number: int, pause: Region) -> float:
    """Tell how badly a pause fits before the word of that number (seconds)."""
    if number == 0:
        # The first word begins too early rather than too late.
        return max(words[0].start - pause.end, 0.0) + max(pause.start - words[0].start, 0.0)
    border = words[number - 1].end
    following = words[number].start if number < len(words) else border
    if border <= pause.end and following >= pause.start and following - border > _GAP_SECONDS:
        return 0.0
    inside = min(max(border - pause.start, 0.0), pause.end - pause.start)
    outside = max(pause.start - border, 0.0) + max(border - pause.end, 0.0)
    return outside + _INSIDE_WEIGHT * inside


def _parted(words: Sequence[Word], before: int, pause: Region) -> list[Word]:
    """Let so many words end where the pause begins, and the rest begin where it ends."""
    first = [_ended(word, pause.start) for word in words[:before]]
    second = list(words[before:])
    if first and first[-1].end >= pause.start - _FARTHEST_END:
        first[-1] = replace(first[-1], end=pause.start)
    if second and pause.end < second[0].start <= pause.end + _FARTHEST_START:
        second[0] = replace(second[0], start=pause.end)
    return [*first, *_begun(second, pause.end)]


def _ended(word: Word, limit: float) -> Word:
    if word.end <= limit:
        return word
    return replace(word, start=min(word.start, limit), end=limit)


def _begun(words: Sequence[Word], floor: float) -> list[Word]:
    """Move words behind a time; those that lay before it share what little time there is."""
    moved: list[Word] = []
    for number, word in enumerate(words):
        if word.start >= floor:
            return [*moved, *words[number:]]
        least = floor + min(_LEAST_SECONDS, word.end - word.start)
        moved.append(replace(word, start=floor, end=word.end if word.end > floor else least))
        floor = moved[-1].end
    return moved
