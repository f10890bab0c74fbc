"""Speech that a decoder has passed over: where the voice detector hears somebody and no word lies.

Whisper may end a window early, after a sentence or at a pause, and then all that follows in the
window is lost. Such stretches are found here, decoded by themselves, and put in their place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from gpu_job.engines.chunks import Window
from gpu_job.engines.ports import Region
from shared.domain.transcript import Segment, Word

#: Shorter gaps are hesitation, breath, or the voice detector's doubt.
LEAST_SECONDS = 2.0
#: A word's times may be off by so much, and a last word is stretched over what follows it.
_SLACK_SECONDS = 0.3
_LONGEST_WORD_SECONDS = 1.0


def unheard(window: Window, decoded: Sequence[Segment]) -> tuple[Region, ...]:
    """Return the stretches of the window's speech, in the audio's time, in which no word lies.

    Args:
        window: what was decoded.
        decoded: its segments, timed from its start; without words nothing can be told.
    """
    if any(not segment.words for segment in decoded):
        return ()
    heard = sorted(
        window.locate(word.start, min(word.end, word.start + _LONGEST_WORD_SECONDS))
        for segment in decoded
        for word in segment.words
    )
    return tuple(
        gap
        for region in window.speech
        for gap in _gaps(region, heard)
        if gap.end - gap.start >= LEAST_SECONDS
    )


def _gaps(region: Region, heard: Sequence[tuple[float, float]]) -> Iterator[Region]:
    """Yield the parts of a region that no word covers."""
    position = region.start
    for start, end in heard:
        if end + _SLACK_SECONDS <= region.start or start - _SLACK_SECONDS >= region.end:
            continue
        if start - _SLACK_SECONDS > position:
            yield replace(region, start=position, end=start - _SLACK_SECONDS)
        position = max(position, end + _SLACK_SECONDS)
    if position < region.end:
        yield replace(region, start=position, end=region.end)


def insert(
    decoded: Sequence[Segment], window: Window, gap: Region, found: Sequence[Segment]
) -> list[Segment]:
    """Put what was found in a gap between the words before and after it.

    `found` is timed from the gap's start, the result from the window's.
    """
    begin = _in_window(window, gap.start)
    moved = [_moved(segment, begin) for segment in found]
    middle = begin + (gap.end - gap.start) / 2
    before = [part for segment in decoded for part in _part(segment, middle, after=False)]
    after = [part for segment in decoded for part in _part(segment, middle, after=True)]
    return [*before, *moved, *after]


def _in_window(window: Window, time: float) -> float:
    """Seconds from the window's start to a time of the audio that lies in one of its pieces."""
    passed = 0.0
    for piece in window.pieces:
        if time <= piece.end:
            return passed + max(0.0, time - piece.start)
        passed += piece.end - piece.start
    return passed


def _part(segment: Segment, middle: float, *, after: bool) -> Iterator[Segment]:
    words = tuple(word for word in segment.words if (word.start >= middle) is after)
    if not segment.words and (segment.start >= middle) is after:
        yield segment  # put in before, for another gap: marks that no word could be made of
    if words:
        text = "".join(word.word for word in words).strip()
        end = words[-1].end if after else min(words[-1].end, middle)
        yield replace(segment, start=words[0].start, end=end, text=text, words=_until(words, end))


def _until(words: tuple[Word, ...], end: float) -> tuple[Word, ...]:
    """The words, the last of which is not stretched beyond its segment."""
    return (*words[:-1], replace(words[-1], end=max(words[-1].start, min(words[-1].end, end))))


def _moved(segment: Segment, seconds: float) -> Segment:
    words = tuple(
        replace(word, start=word.start + seconds, end=word.end + seconds) for word in segment.words
    )
    return replace(segment, start=segment.start + seconds, end=segment.end + seconds, words=words)
