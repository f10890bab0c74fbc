"""Directional marks for players and editors that would lay right-to-left text out from the left.

Many players take every line as running from left to right: the full stop of a Hebrew sentence then
stands at its right end, and a Latin word swaps the two halves of the sentence around it. A mark
at the start of the line mends the first only; an embedding (U+202B … U+202C) around the whole line
mends both, whatever the player assumes. Isolates would do the same, but renderers older than
Unicode 6.3 show them as boxes. WebVTT lays each line out by its first letter
(https://www.w3.org/TR/webvtt1/#applying-css-properties), so a mark before that is enough there.
By the same rule a left-to-right line that begins with a Hebrew name needs one, in WebVTT and
wherever a player or editor looks at the first letter.

Inside a right-to-left line signs that belong to a Latin word or a number would change sides
("C++" to "++C", "-5" to "5-"); a mark beside them holds them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import unescape

from shared.domain.direction import (
    first_letter_is_right_to_left,
    is_right_to_left,
)
from shared.domain.transcript import Transcript
from shared.formats.base import RenderOptions
from shared.formats.units import Unit, common_language, fold

LRM, RLM = "\u200e", "\u200f"
RLE, PDF = "\u202b", "\u202c"

_SIGNS_AFTER_LATIN = re.compile(rf"(?<=[A-Za-z])[+#]+(?![\w+#{LRM}])")
#: A sign before a number, at the start of a word (after one of karaoke's times as well).
_SIGN_BEFORE_NUMBER = re.compile(rf"(?<![^\s(>{RLE}{RLM}])[-+\u2212](?=\d)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Marks:
    """How a rendering marks direction: `language` of the transcript, `on` or left out."""

    language: str
    on: bool

    def wants(self, text: str, units: Iterable[Unit] = ()) -> bool:
        """Whether the lines of this cue or paragraph are to be marked as right-to-left.

        `units` may tell that they are in a language of their own.
        """
        return self.on and is_right_to_left(text, common_language(units) or self.language)

    def lead(self, speaker: str | None, *, rtl: bool) -> str:
        """``SPEAKER_00: ``, such that a name of the other direction stays apart from the text."""
        if not speaker:
            return ""
        name = fold(speaker).strip()
        name_runs_rtl = first_letter_is_right_to_left(name)
        if rtl:
            # Without the mark, a text that begins with a number or a Latin word would join the
            # Latin name; the marks around it hold brackets and full stops of its own.
            ends_bare = name_runs_rtl is False and not (name[0].isalnum() and name[-1].isalnum())
            return f"{LRM}{name}{LRM}:{RLM} " if ends_bare else f"{name}:{RLM} "
        if self.on and name_runs_rtl:
            return f"{LRM}{name}{LRM}: "
        return f"{name}: "


def marks_for(transcript: Transcript, options: RenderOptions) -> Marks:
    """The marks of a rendering: there unless they are switched off."""
    return Marks(language=transcript.language, on=options.directional_marks is not False)


def visible_lead(speaker: str) -> str:
    """What is seen of a lead; its length counts towards the width of a line."""
    return f"{fold(speaker).strip()}: "


def embed(lines: Sequence[str], *, rtl: bool, on: bool = True) -> list[str]:
    """Put each right-to-left line into an embedding of its own; doing it twice changes nothing.

    A left-to-right one that begins with a letter of the other direction gets a mark, if marks are
    on.
    """
    if not rtl:
        return [_open_left(line) if on else line for line in lines]
    return [f"{RLE}{_hold_signs(line.strip(RLE + PDF))}{PDF}" for line in lines]


def open_lines(lines: Sequence[str], *, rtl: bool, on: bool = True) -> list[str]:
    """Begin each right-to-left line with a mark; doing it twice changes nothing.

    A left-to-right one gets its mark where it begins with a letter of the other direction. Lines
    may hold WebVTT's escapes and times.
    """
    if not rtl:
        return [_open_left(line) if on else line for line in lines]
    return [f"{RLM}{_hold_signs(line.lstrip(RLM))}" for line in lines]


def _open_left(line: str) -> str:
    """Say of a line that its first letter does not decide."""
    is_misleading = not line.startswith(LRM) and first_letter_is_right_to_left(unescape(line))
    return f"{LRM}{line}" if is_misleading else line


def _hold_signs(line: str) -> str:
    line = _SIGNS_AFTER_LATIN.sub(rf"\g<0>{LRM}", line)
    return _SIGN_BEFORE_NUMBER.sub(rf"{LRM}\g<0>", line)
