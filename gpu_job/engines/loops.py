"""Decoders stuck in a loop: the same few words over and over."""

from __future__ import annotations

from collections.abc import Sequence

#: So many repeats in a row make a loop: people say a thing three times, seldom four.
FEWEST_REPEATS = 4
#: Words of the longest phrase that is looked for; a decoder's context makes longer ones rare.
LONGEST_PHRASE = 12


def loops(words: Sequence[str]) -> tuple[range, ...]:
    """Return where a phrase is said at least four times in a row, as ranges of word numbers.

    Letters and digits count, case and punctuation don't. Ranges are in order and disjoint.
    """
    plain = [plain_word(word) for word in words]
    found: list[range] = []
    position = 0
    while position < len(plain):
        repeated = _repeated_from(plain, position)
        if repeated:
            found.append(range(position, position + repeated))
        position += repeated or 1
    return tuple(found)


def plain_word(word: str) -> str:
    """Return a word's letters and digits in lower case, or the marks where it has none."""
    kept = "".join(letter for letter in word.casefold() if letter.isalnum())
    return kept or word.strip()


def _repeated_from(words: Sequence[str], position: int) -> int:
    """Count the words of the shortest phrase's repeats that begin at a position; 0 without any."""
    for length in range(1, LONGEST_PHRASE + 1):
        phrase = words[position : position + length]
        end = position + length
        while words[end : end + length] == phrase and len(phrase) == length:
            end += length
        if end - position >= FEWEST_REPEATS * length:
            return end - position
    return 0
