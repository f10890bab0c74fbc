"""Phrases that Whisper is known to invent; the list and its reasons are in the file beside."""

from __future__ import annotations

import tomllib
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class _Phrases:
    whole: frozenset[str]
    start: tuple[str, ...]


def is_phantom_phrase(text: str) -> bool:
    """Tell whether a segment says one of them and nothing else, or begins with a credit."""
    letters = _letters(text)
    known = _phrases()
    return letters in known.whole or letters.startswith(known.start)


@cache
def _phrases() -> _Phrases:
    file = Path(__file__).with_suffix(".toml")
    groups = tomllib.loads(file.read_text(encoding="utf-8")).values()
    return _Phrases(
        whole=frozenset(_letters(text) for group in groups for text in group.get("whole", ())),
        start=tuple(_letters(text) for group in groups for text in group.get("start", ())),
    )


def _letters(text: str) -> str:
    """Return letters and digits alone: without case, marks, spaces and points."""
    return "".join(
        letter for letter in unicodedata.normalize("NFKD", text.casefold()) if letter.isalnum()
    )
