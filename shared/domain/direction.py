"""Which way text runs, and the invisible characters that say so.

The canonical transcript carries none of them: they are a matter of rendering.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

#: Whisper's languages that are written from right to left, and a few it may learn.
RTL_LANGUAGES = frozenset("ar ckb dv fa he ps sd ug ur yi".split())

# Marks, embeddings, overrides, isolates (Unicode Standard Annex 9). Joiners shape letters and stay.
_CONTROLS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_RTL_CLASSES = ("R", "AL")


def strip_directional_controls(text: str) -> str:
    """The text without characters whose only effect is on direction."""
    return _CONTROLS.sub("", text)


def is_right_to_left(text: str, language: str) -> bool:
    """Say which way a line or paragraph as a whole runs.

    In a language written from right to left, any text that has a letter of such a script, or no
    letters at all, does: a sentence with many Latin names is still a sentence of that language. In
    other languages the majority of the letters decides.
    """
    right, left = _count_letters(text)
    if language in RTL_LANGUAGES:
        return right > 0 or left == 0
    return right > left


def first_letter_is_right_to_left(text: str) -> bool | None:
    """What a renderer that looks at the first letter would take the text for; None: no letter."""
    for char in text:
        bidi_class = unicodedata.bidirectional(char)
        if bidi_class == "L" or bidi_class in _RTL_CLASSES:
            return bidi_class != "L"
    return None


def _count_letters(text: Iterable[str]) -> tuple[int, int]:
    right = left = 0
    for char in text:
        bidi_class = unicodedata.bidirectional(char)
        right += bidi_class in _RTL_CLASSES
        left += bidi_class == "L"
    return right, left
