from __future__ import annotations

import pytest

from bench.transcript.scoring import SpeakerErrors, WordErrors, speaker_errors, word_errors
from shared.domain.transcript import Turn


def turn(speaker: str, start: float, end: float) -> Turn:
    return Turn(start=start, end=end, speaker=speaker)


def test_case_punctuation_and_spelling_are_no_word_errors() -> None:
    found = word_errors("Mr. Smith's colour; twenty-one!", "mister smith's color 21")
    assert found == WordErrors(errors=0, words=5)


def test_substitutions_deletions_and_insertions_are_counted() -> None:
    assert word_errors("one dog runs", "one cat runs").errors == 1
    assert word_errors("the dog runs home", "the dog runs").errors == 1
    assert word_errors("the dog runs", "the dog runs home fast").errors == 2


def test_silence_misses_all_words_and_talk_in_silence_is_all_insertions() -> None:
    assert word_errors("the dog runs", "").percent == 100.0
    assert word_errors("", "thank you") == WordErrors(errors=2, words=0)


def test_another_language_is_not_read_as_english() -> None:
    """English rules would make the French article a spelling of something else."""
    found = word_errors("Voilà, c'est ça !", "voilà c'est ça", language="fr")
    assert found.errors == 0
    assert found.words == 4  # the basic normalizer takes the apostrophe for a space


def test_word_errors_of_a_set_are_weighed_by_words() -> None:
    whole = WordErrors(errors=1, words=2) + WordErrors(errors=0, words=98)
    assert whole.percent == 1.0


def test_labels_may_have_any_names() -> None:
    reference = [turn("Anna", 0, 5), turn("Ben", 5, 10)]
    heard = [turn("SPEAKER_01", 0, 5), turn("SPEAKER_00", 5, 10)]
    assert speaker_errors(reference, heard, scored=(0, 10)).percent == 0.0


def test_missed_false_and_confused_seconds_are_told_apart() -> None:
    reference = [turn("A", 0, 4), turn("B", 4, 8)]
    heard = [turn("x", 0, 4), turn("x", 4, 6), turn("y", 7, 9)]
    found = speaker_errors(reference, heard, scored=(0, 10))
    assert found == SpeakerErrors(missed=1.0, false_alarm=1.0, confusion=2.0, total=8.0)
    assert found.percent == 50.0


def test_overlap_is_scored() -> None:
    reference = [turn("A", 0, 10), turn("B", 4, 6)]
    found = speaker_errors(reference, [turn("x", 0, 10)], scored=(0, 10))
    assert (found.missed, found.total) == (2.0, 12.0)


def test_no_collar_forgives_a_border() -> None:
    found = speaker_errors([turn("A", 1, 5)], [turn("x", 1.1, 5)], scored=(0, 10))
    assert found.missed == pytest.approx(0.1)


def test_what_is_outside_the_scored_part_does_not_count() -> None:
    found = speaker_errors([turn("A", 0, 5)], [turn("x", 0, 9)], scored=(0, 5))
    assert (found.percent, found.total) == (0.0, 5.0)


def test_speaker_errors_of_a_set_are_weighed_by_seconds() -> None:
    small = SpeakerErrors(missed=1.0, false_alarm=0.0, confusion=0.0, total=1.0)
    large = SpeakerErrors(missed=0.0, false_alarm=0.0, confusion=0.0, total=99.0)
    assert (small + large).percent == 1.0
