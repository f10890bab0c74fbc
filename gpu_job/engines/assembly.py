"""Putting windows' segments together: on the audio's time line, cut to be read, numbered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from gpu_job.engines.borders import merge
from gpu_job.engines.chunks import Window
from gpu_job.engines.readable_segments import split_segment
from gpu_job.engines.word_times import fit_to_speech
from shared.domain.transcript import Segment, Word

_SAME = 1e-3


@dataclass(kw_only=True, slots=True)
class Assembly:
    """Takes windows in order and gives final segments.

    What lies where the next window overlaps is held until that one is heard. Times are monotone
    and inside the window. `done` is the time before which everything has been given: whoever
    starts again there, with the window in which it lies, is given exactly the rest.
    """

    done: float
    next_id: int = 0
    _now: float = field(init=False)
    _held: list[Segment] = field(default_factory=list)
    _held_end: float = 0.0

    def __post_init__(self) -> None:
        self._now = self.done

    def add(
        self, window: Window, decoded: Sequence[Segment], following: Window | None
    ) -> Iterator[Segment]:
        """Take a window's segments, timed from its start, and yield what is final."""
        heard = _unreported(_placed(window, decoded), self.done)
        if window.overlaps and self._held:
            heard = merge(self._held, heard, window.start, self._held_end)
        self._held = []
        pieces = [piece for coarse in heard for piece in split_segment(self._in_order(coarse))]
        final = len(pieces)
        if following is not None and following.overlaps:
            final = _final(pieces, following.start)
            self._held, self._held_end = pieces[final:], window.end
        for piece in pieces[:final]:
            yield replace(piece, id=self.next_id)
            self.next_id += 1
        self._advance(window, following)

    def _advance(self, window: Window, following: Window | None) -> None:
        if following is None or not following.overlaps:
            self.done = self._now = max(self.done, window.end)
            return
        held = [following.start, *(piece.start for piece in self._held)]
        self.done = max(self.done, min(held))
        self._now = self.done

    def _in_order(self, segment: Segment) -> Segment:
        if not segment.words:
            start, end = self._step(segment.start, segment.end)
            return replace(segment, start=start, end=end)
        return replace(segment, words=tuple(self._word_in_order(word) for word in segment.words))

    def _word_in_order(self, word: Word) -> Word:
        start, end = self._step(word.start, word.end)
        return replace(word, start=start, end=end)

    def _step(self, start: float, end: float) -> tuple[float, float]:
        start = max(start, self._now)
        self._now = max(end, start)
        return start, self._now


def pieces_of(window: Window, decoded: Sequence[Segment]) -> list[Segment]:
    """Return a window's segments on the audio's time line, cut to be read.

    So they come out, but for what lies where windows overlap.
    """
    return [piece for coarse in _placed(window, decoded) for piece in split_segment(coarse)]


def _placed(window: Window, decoded: Sequence[Segment]) -> list[Segment]:
    return fit_to_speech([_located(segment, window) for segment in decoded], window.pauses)


def _located(segment: Segment, window: Window) -> Segment:
    """Move a segment from the window's time to the audio's."""
    start, end = window.locate(segment.start, segment.end)
    words = tuple(_located_word(word, window) for word in segment.words)
    return replace(segment, start=start, end=end, words=words)


def _located_word(word: Word, window: Window) -> Word:
    start, end = window.locate(word.start, word.end)
    return replace(word, start=start, end=end)


def _unreported(segments: Sequence[Segment], done: float) -> list[Segment]:
    """Leave out what was reported before a restart in this window."""
    rest = []
    for segment in segments:
        if not segment.words and segment.start >= done - _SAME:
            rest.append(segment)
        words = tuple(word for word in segment.words if word.start >= done - _SAME)
        if words:
            text = "".join(word.word for word in words).strip()
            rest.append(replace(segment, text=text, words=words))
    return rest


def _final(pieces: Sequence[Segment], overlap: float) -> int:
    """Count the pieces that can't change: they end before the overlap, as do all before them.

    Of words that begin at the same time all are final or none, so that a restart can tell them.
    """
    count = 0
    while count < len(pieces) and pieces[count].end <= overlap:
        count += 1
    rest = [overlap, *(piece.start for piece in pieces[count:])]
    while count and _last_start(pieces[count - 1]) > min(rest) - 2 * _SAME:
        count -= 1
        rest.append(pieces[count].start)
    return count


def _last_start(piece: Segment) -> float:
    return piece.words[-1].start if piece.words else piece.start
