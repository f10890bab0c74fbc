"""Text as units that no line or cue may break, each with its time and speaker.

A unit is mostly a word. Words that Whisper glues (" twenty" and "-five") make one unit; scripts
written without spaces give one unit a character (Chinese, Japanese) or a word (Thai, Lao, Burmese,
Khmer), with closing punctuation kept on the character before it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

from shared.domain.direction import strip_directional_controls
from shared.domain.transcript import Segment

# Code points of scripts without spaces. Korean is left out: it writes spaces between words.
_PER_CHARACTER = (
    (0x3041, 0x30FF),
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0xFF66, 0xFF9D),
    (0x20000, 0x3FFFF),
)
_PER_WORD = (*_PER_CHARACTER, (0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF))
_NO_BREAK_SPACES = "\u00a0\u202f"


@dataclass(frozen=True, kw_only=True, slots=True)
class Unit:
    """An unbreakable piece of text; `start` and `end` in seconds.

    `spaced` says that a space stands before it; `timed` that its times were measured, not shared
    out over a segment without word times. `language` is the segment's own, where it is known.
    """

    text: str
    spaced: bool
    start: float
    end: float
    speaker: str | None
    timed: bool
    language: str | None = None


def fold(text: str) -> str:
    """Turn every run of white space and control characters into one space, ends included.

    No-break spaces stay: they belong to the word. Directional controls go: those that an engine
    learned from subtitles come alone, and would turn what stands around them.
    """
    bare = strip_directional_controls(text)
    spread = "".join(" " if _is_blank(char) else char for char in bare)
    folded = " ".join(part for part in spread.split(" ") if part.strip())
    return f" {folded}" if spread.startswith(" ") else folded


@lru_cache(maxsize=16_384)  # a recording uses few characters, many times
def _is_blank(char: str) -> bool:
    if char in _NO_BREAK_SPACES:
        return False
    return char.isspace() or unicodedata.category(char) == "Cc"


def segment_units(segment: Segment) -> list[Unit]:
    """Cut a segment into units whose times are monotone and inside the segment."""
    if segment.words:
        pieces = _word_pieces(segment)
    else:
        speaker = segment.speakers[0] if segment.speakers else None
        pieces = _share_out(
            segment.text, start=segment.start, end=segment.end, speaker=speaker, timed=False
        )
    return _monotone(_glue(pieces), segment)


def visible_length(text: str) -> int:
    """How many places on a line the text takes: vowel points and invisible characters take none."""
    if text.isascii():
        return len(text)
    return sum(not _is_unseen(char) for char in text)


@lru_cache(maxsize=16_384)
def _is_unseen(char: str) -> bool:
    return unicodedata.category(char) in ("Mn", "Me", "Cf")


def join(units: Sequence[Unit]) -> str:
    """The units' text as one line, without a leading space."""
    return "".join(f" {unit.text}" if unit.spaced else unit.text for unit in units).strip(" ")


def common_language(units: Iterable[Unit]) -> str | None:
    """The language of all of them; None where they differ, or it is the transcript's."""
    languages = {unit.language for unit in units}
    return languages.pop() if len(languages) == 1 else None


def _word_pieces(segment: Segment) -> Iterator[Unit]:
    # A word that the diarizer left open belongs to whoever spoke before it.
    speaker = segment.speakers[0] if segment.speakers else None
    space = ""
    for word in segment.words:
        speaker = word.speaker or speaker
        yield from _share_out(
            space + word.word, start=word.start, end=word.end, speaker=speaker, timed=True
        )
        # Some engines put the space after a word, or make it a word of its own.
        space = " " if word.word and _is_blank(word.word[-1]) else ""


def _share_out(
    text: str, *, start: float, end: float, speaker: str | None, timed: bool
) -> Iterator[Unit]:
    """Cut a text at its spaces, sharing its time out by characters."""
    pieces = list(_pieces(fold(text)))
    total = sum(len(piece) for piece, _ in pieces)
    done = 0
    for piece, spaced in pieces:
        begin = start + (end - start) * done / total
        done += len(piece)
        yield Unit(
            text=piece,
            spaced=spaced,
            start=begin,
            end=start + (end - start) * done / total,
            speaker=speaker,
            timed=timed,
        )


def _pieces(folded: str) -> Iterator[tuple[str, bool]]:
    for index, chunk in enumerate(folded.split(" ")):
        if not chunk:
            continue
        spaced = index > 0
        piece = chunk[0]
        for before, char in pairwise(chunk):
            if _can_break(before, char, _PER_CHARACTER):
                yield piece, spaced
                piece, spaced = "", False
            piece += char
        yield piece, spaced


def _glue(pieces: Iterable[Unit]) -> list[Unit]:
    glued: list[Unit] = []
    for piece in pieces:
        if (
            glued
            and not piece.spaced
            and not _can_break(glued[-1].text[-1], piece.text[0], _PER_WORD)
        ):
            last = glued[-1]
            glued[-1] = replace(last, text=last.text + piece.text, end=piece.end)
        else:
            glued.append(piece)
    return glued


@lru_cache(maxsize=16_384)
def _can_break(before: str, after: str, ranges: tuple[tuple[int, int], ...]) -> bool:
    """Say whether a line may end between two characters that no space separates."""
    opens = before in _NO_BREAK_SPACES or unicodedata.category(before) in ("Ps", "Pi")
    if opens or unicodedata.category(after) == "Lm":
        return False
    return after.isalnum() and (_is_in(before, ranges) or _is_in(after, ranges))


def _is_in(char: str, ranges: Sequence[tuple[int, int]]) -> bool:
    code = ord(char)
    return any(low <= code <= high for low, high in ranges)


def _monotone(units: list[Unit], segment: Segment) -> list[Unit]:
    """Bring times into order: starts never fall, and no unit runs into the next."""
    floor = segment.start
    starts: list[float] = []
    for unit in units:
        floor = max(floor, min(unit.start, segment.end))
        starts.append(floor)
    limits = [*starts[1:], segment.end]
    return [
        replace(
            unit,
            start=start,
            end=max(start, min(unit.end, limit)),
            language=segment.language,
        )
        for unit, start, limit in zip(units, starts, limits, strict=False)
    ]
