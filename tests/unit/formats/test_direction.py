"""Right-to-left text, as a reader sees it: laid out by an independent implementation of UAX 9."""

from __future__ import annotations

from dataclasses import replace

import pytest
from bidi import get_display
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.direction import is_right_to_left, strip_directional_controls
from shared.domain.transcript import Segment
from shared.formats import RenderOptions
from shared.formats.marks import Marks, embed, open_lines
from tests.support.transcripts import rendered, spoken, transcript_of

WIDE = RenderOptions(max_line_width=200)
HEBREW = st.text("אבגשם abZ019.,?!()-:\"'", min_size=1, max_size=40)


def hebrew(text: str, speaker: str | None = None) -> Segment:
    return spoken(text, speaker=speaker)


def seen(line: str, base: str) -> str:
    """What stands on the screen from left to right, where the player assumes that direction."""
    return strip_directional_controls(get_display(line, base_dir=base))


def srt_line(text: str, speaker: str | None = None) -> str:
    transcript = transcript_of(hebrew(text, speaker), language="he")
    return rendered(transcript, "srt", WIDE).splitlines()[2]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("שלום לכם.", ".םכל םולש"),
        ("12 אנשים באו!", "!ואב םישנא 12"),
        ("API זה לא הכול.", ".לוכה אל הז API"),
        ("יעלה ב-15 במרץ 2026, בשעה 10:30.", ".10:30 העשב ,2026 ץרמב 15-ב הלעי"),
        # Which way a bracket points is decided when it is drawn; here it is its place that counts.
        ("גישה (רובם) ל-Google Cloud.", ".Google Cloud-ל )םבור( השיג"),
    ],
)
@pytest.mark.parametrize("base", ["L", "R"])
def test_a_line_looks_the_same_whatever_direction_the_player_assumes(
    text: str, shown: str, base: str
) -> None:
    assert seen(srt_line(text), base) == shown


@pytest.mark.parametrize(
    ("speaker", "text", "shown"),
    [
        ("SPEAKER_00", "שלום.", ".םולש :SPEAKER_00"),
        ("SPEAKER_00", "12 אנשים.", ".םישנא 12 :SPEAKER_00"),
        ("SPEAKER_00", "API חדש.", ".שדח API :SPEAKER_00"),
        ("Dana (CEO)", "שלום.", ".םולש :Dana (CEO)"),
        ("דנה", "API חדש.", ".שדח API :הנד"),
        ("דנה", "Hello.", "הנד: Hello."),
        ("SPEAKER_00", "Hello.", "SPEAKER_00: Hello."),
    ],
)
def test_a_speaker_s_name_stands_before_the_text_in_its_direction(
    speaker: str, text: str, shown: str
) -> None:
    line = srt_line(text, speaker)
    assert seen(line, "L") == shown
    if is_right_to_left(text, "he"):
        assert seen(line, "R") == shown


@given(HEBREW)
def test_an_embedded_line_never_depends_on_the_player(text: str) -> None:
    (line,) = embed([text.strip() or "א"], rtl=True)
    assert seen(line, "L") == seen(line, "R")


@given(HEBREW)
def test_marking_twice_changes_nothing(text: str) -> None:
    assert embed(embed([text], rtl=True), rtl=True) == embed([text], rtl=True)
    assert open_lines(open_lines([text], rtl=True), rtl=True) == open_lines([text], rtl=True)


@pytest.mark.parametrize("format_name", ["srt", "vtt", "text"])
def test_marks_that_an_engine_wrote_are_replaced_not_added_to(format_name: str) -> None:
    clean = transcript_of(hebrew("API זה לא הכול."), language="he")
    dirty = transcript_of(hebrew("\u202bAPI זה \u200fלא הכול.\u202c"), language="he")
    assert rendered(dirty, format_name) == rendered(clean, format_name)


@pytest.mark.parametrize("format_name", ["srt", "vtt", "text", "speakers"])
def test_marks_can_be_left_out(format_name: str) -> None:
    transcript = transcript_of(hebrew("API זה לא הכול.", "SPEAKER_00"), language="he")
    marked = rendered(transcript, format_name)
    plain = rendered(transcript, format_name, RenderOptions(directional_marks=False))
    assert marked != plain
    assert strip_directional_controls(marked) == plain


def test_a_web_player_sees_a_right_to_left_line_by_its_first_letter() -> None:
    transcript = transcript_of(hebrew("API זה לא הכול, נכון?"), language="he")
    options = RenderOptions(max_line_width=12)
    lines = [line for line in rendered(transcript, "vtt", options).splitlines()[2:] if line]
    texts = [line for line in lines if "-->" not in line]
    assert texts
    assert all(line.startswith("\u200f") for line in texts)


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("שלום", "he", True),
        ("Google Cloud Platform החדש", "he", True),
        ("Hello.", "he", False),
        ("12.5.", "he", True),
        ("12.5.", "en", False),
        ("Hello שלום world", "en", False),
        ("שלום hi", "en", True),
        ("مرحبا", "ar", True),
        ("سلام", "fa", True),
        ("", "en", False),
    ],
)
def test_letters_and_language_decide_the_direction(
    text: str, language: str, *, expected: bool
) -> None:
    assert is_right_to_left(text, language) is expected


def test_joiners_shape_letters_and_stay() -> None:
    word = "\u0645\u06cc\u200c\u062e\u0648"
    assert strip_directional_controls(word) == word


def test_left_to_right_text_carries_no_marks() -> None:
    marks = Marks(language="en", on=True)
    assert not marks.wants("Hello.")
    assert marks.lead("SPEAKER_00", rtl=False) == "SPEAKER_00: "


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("אני כותב ב-C++ כל יום.", ".םוי לכ C++-ב בתוכ ינא"),
        ("שפת C# טובה.", ".הבוט C# תפש"),
        ("בלילה -5 מעלות.", ".תולעמ -5 הלילב"),
        ("-5 מעלות.", ".תולעמ -5"),
        ("ירידה של 50% ועליה של $7.", ".$7 לש הילעו 50% לש הדירי"),
        ("טלפון 050-123-4567, בין 10:30-12:00.", ".10:30-12:00 ןיב ,050-123-4567 ןופלט"),
        ("עלה ב-15.", ".15-ב הלע"),
    ],
)
@pytest.mark.parametrize("base", ["L", "R"])
def test_signs_stay_on_their_side_of_latin_words_and_numbers(
    text: str, shown: str, base: str
) -> None:
    assert seen(srt_line(text), base) == shown


@pytest.mark.parametrize("format_name", ["srt", "vtt", "text"])
def test_a_left_to_right_line_that_begins_with_a_hebrew_name_is_not_turned_around(
    format_name: str,
) -> None:
    transcript = transcript_of(spoken("דנה said hello & left."), language="en")
    line = rendered(transcript, format_name, WIDE).rstrip().splitlines()[-1]
    by_first_letter = strip_directional_controls(get_display(line))
    assert by_first_letter.replace("&amp;", "&") == "הנד said hello & left."
    bare = rendered(transcript, format_name, RenderOptions(directional_marks=False))
    assert strip_directional_controls(bare) == bare


def test_vowel_points_take_no_place_on_a_line() -> None:
    pointed, bare = "בְּרֵאשִׁית בָּרָא אֱלֹהִים אֵת הַשָּׁמַיִם", "בראשית ברא אלהים את השמים"
    options = RenderOptions(max_line_width=len(bare), directional_marks=False)
    for text in (pointed, bare):
        cue = rendered(transcript_of(spoken(text), language="he"), "srt", options).rstrip()
        assert cue.splitlines()[2:] == [text]


@pytest.mark.parametrize("format_name", ["srt", "vtt", "text"])
def test_a_sentence_in_its_own_language_runs_that_language_s_way(format_name: str) -> None:
    """A Hebrew recording with a sentence in English, and the other way round."""
    english, hebrew_one = "We met דנה there.", "Google Cloud עלה."
    for text, language, whole in ((english, "en", "he"), (hebrew_one, "he", "en")):
        own = replace(spoken(text), language=language)
        line = rendered(transcript_of(own, language=whole), format_name, WIDE).splitlines()[-1]
        plain = rendered(transcript_of(spoken(text), language=language), format_name, WIDE)
        assert line == plain.splitlines()[-1]
        other = rendered(transcript_of(spoken(text), language=whole), format_name, WIDE)
        assert line != other.splitlines()[-1]
