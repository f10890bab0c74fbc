"""Where a sentence or a clause ends, in the scripts that speech is written in."""

from __future__ import annotations

_SENTENCE_END = ".?!…。？！؟׃۔।"  # noqa: RUF001 - many scripts' marks
_CLAUSE_END = ",;:、，；：،؛"  # noqa: RUF001 - many scripts' marks
_CLOSERS = "\"'”’»)]」』）"  # noqa: RUF001 - many scripts' marks


def ends_sentence(word: str) -> bool:
    """Whether a word closes a sentence, quotes and brackets after the mark allowed."""
    return _last(word) in _SENTENCE_END if _last(word) else False


def ends_clause(word: str) -> bool:
    """Whether a word closes a part of a sentence."""
    return _last(word) in _CLAUSE_END if _last(word) else False


def _last(word: str) -> str:
    return word.rstrip(_CLOSERS)[-1:]
