"""Where paragraphs end, and the formats that show them with times."""

from __future__ import annotations

import pytest

from shared.domain.errors import InvalidRequest
from shared.domain.transcript import Segment
from shared.formats import RenderOptions
from shared.formats.paragraphs import lay_paragraphs
from tests.support.transcripts import rendered, segment_of, spoken, transcript_of, word


def said(text: str, start: float, end: float, speaker: str | None = None) -> Segment:
    return spoken(text, start=start, end=end, speaker=speaker)


def test_a_pause_ends_a_paragraph_and_a_shorter_one_does_not() -> None:
    transcript = transcript_of(said("One.", 0, 1), said("Two.", 2.9, 4), said("Three.", 6, 7))
    shown = rendered(transcript, "text", RenderOptions(paragraphs=True))
    assert shown == "One. Two.\n\nThree.\n"
    longer = rendered(transcript, "text", RenderOptions(paragraph_pause=3))
    assert longer == "One. Two. Three.\n"


def test_without_paragraphs_each_segment_is_a_line() -> None:
    transcript = transcript_of(said("One.", 0, 1), said("Two.", 1, 2))
    assert rendered(transcript, "text") == "One.\nTwo.\n"
    shown = rendered(transcript, "speakers", RenderOptions(paragraphs=False))
    assert shown == "[00:00:00 - 00:00:01]\nOne.\n\n[00:00:01 - 00:00:02]\nTwo.\n"


def test_a_change_of_speaker_inside_a_segment_ends_a_paragraph() -> None:
    segment = segment_of(word(" Ready?", 0, 1, "A"), word(" Yes.", 1, 2, "B"))
    shown = rendered(transcript_of(segment), "speakers")
    assert shown == "[00:00:00 - 00:00:01] A\nReady?\n\n[00:00:01 - 00:00:02] B\nYes.\n"


def test_a_second_paragraph_of_one_speaker_repeats_no_name_in_plain_text() -> None:
    transcript = transcript_of(said("One.", 0, 1, "A"), said("Two.", 9, 10, "A"))
    assert rendered(transcript, "text") == "A: One.\n\nTwo.\n"


def test_a_long_turn_is_cut_after_a_sentence_else_a_clause_else_a_word() -> None:
    def cut(text: str) -> list[str]:
        options = RenderOptions(max_paragraph_chars=100)
        return [p.text for p in lay_paragraphs(transcript_of(said(text, 0, 60)), options)]

    first = "aaaa " * 13 + "end."
    assert cut(f"{first} {'bbbb ' * 12}") == [first, ("bbbb " * 12).strip()]
    clause = "aaaa " * 13 + "part,"
    assert cut(f"{clause} {'bbbb ' * 12}") == [clause, ("bbbb " * 12).strip()]
    assert [len(part) for part in cut("cccc " * 30)] == [99, 49]


def test_a_word_longer_than_a_paragraph_stands_alone() -> None:
    options = RenderOptions(max_paragraph_chars=100)
    transcript = transcript_of(said(f"short {'x' * 300} short", 0, 9))
    texts = [paragraph.text for paragraph in lay_paragraphs(transcript, options)]
    assert texts == ["short", "x" * 300, "short"]


def test_limits_of_paragraphs_where_there_shall_be_none_are_refused() -> None:
    with pytest.raises(InvalidRequest) as caught:
        RenderOptions(paragraphs=False, paragraph_pause=3)
    assert caught.value.field == "paragraphs"


def test_lines_of_a_paragraph_are_wrapped_on_request() -> None:
    transcript = transcript_of(said("one two three four", 0, 4, "A"))
    shown = rendered(transcript, "speakers", RenderOptions(max_line_width=10))
    assert shown == "[00:00:00 - 00:00:04] A\none two\nthree four\n"
