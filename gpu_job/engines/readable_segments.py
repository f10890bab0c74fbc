"""Cutting a decoder's coarse output into segments that people read: sentences, pauses, lengths."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from shared.domain.transcript import Segment, Word

#: Measured with read speech and dialogue: with these three, segments are at least as many and
#: no longer, the longest tenth neither, than those of sequential decoding, and end with a phrase
#: instead of inside one.
PAUSE_SECONDS = 0.5
MAX_SECONDS = 8.0
MAX_CHARACTERS = 160
_SENTENCE_ENDS = (".", "?", "!", "…", "。", "？", "！", "؟", "۔", "।")  # noqa: RUF001 (CJK)
_CLAUSE_ENDS = (",", ";", ":", "،", "、", "，", "；", "—")  # noqa: RUF001 (CJK)
_CLOSING = "\"'”’)]}»"  # noqa: RUF001 (typographic quotes)
_ABBREVIATIONS = frozenset("mr. mrs. ms. dr. prof. st. sr. jr. vs. e.g. i.e. no. ד״ר".split())


def split_segment(segment: Segment) -> tuple[Segment, ...]:
    """Cut a segment with words; one without words stays as it is.

    Every word lands in exactly one piece, in order; ids are the caller's to number.
    """
    if not segment.words:
        return (segment,)
    groups = (piece for group in _sentences(segment.words) for piece in _fit(group))
    return tuple(_piece(segment, words) for words in groups)


def _sentences(words: Sequence[Word]) -> Iterator[list[Word]]:
    group: list[Word] = []
    for word in words:
        if group and (word.start - group[-1].end >= PAUSE_SECONDS or _ends_sentence(group[-1])):
            yield group
            group = []
        group.append(word)
    if group:
        yield group


def _ends_sentence(word: Word) -> bool:
    text = word.word.strip().rstrip(_CLOSING)
    if not text.endswith(_SENTENCE_ENDS) or text.lower() in _ABBREVIATIONS:
        return False
    # "J." is an initial, "3." may be a number that goes on.
    return not (len(text) == len("J.") and text[0].isupper())


def _fit(words: list[Word]) -> Iterator[list[Word]]:
    """Cut what is too long at its last clause end, else at its widest gap."""
    if len(words) == 1 or not _too_long(words):
        yield words
        return
    cut = _best_cut(words)
    yield from _fit(words[:cut])
    yield from _fit(words[cut:])


def _too_long(words: Sequence[Word]) -> bool:
    seconds = words[-1].end - words[0].start
    return seconds > MAX_SECONDS or len(_text(words)) > MAX_CHARACTERS


def _best_cut(words: Sequence[Word]) -> int:
    """Prefer a clause end near the middle; without one, the widest gap, and then the middle."""
    middle = len(words) / 2
    clauses = [
        position
        for position in range(1, len(words))
        if words[position - 1].word.rstrip().endswith(_CLAUSE_ENDS)
    ]
    if clauses:
        return min(clauses, key=lambda position: abs(position - middle))
    return max(
        range(1, len(words)),
        key=lambda position: (
            round(words[position].start - words[position - 1].end, 2),
            -abs(position - middle),
        ),
    )


def _text(words: Iterable[Word]) -> str:
    return "".join(word.word for word in words).strip()


def _piece(segment: Segment, words: Sequence[Word]) -> Segment:
    return replace(
        segment, start=words[0].start, end=words[-1].end, text=_text(words), words=tuple(words)
    )
