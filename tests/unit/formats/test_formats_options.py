"""What may be asked of a rendering, and how the rest is refused."""

from __future__ import annotations

import json

import pytest

from shared.domain.codec import from_document
from shared.domain.errors import InvalidRequest, UnsupportedOption
from shared.domain.transcript import Segment, Transcript, Word
from shared.formats import FORMATS, RenderOptions
from tests.support.transcripts import rendered, spoken, transcript_of


def test_every_format_is_registered_under_its_own_name() -> None:
    assert set(FORMATS) == set("json verbose_json text speakers srt vtt tsv rttm docx".split())
    assert all(name == offered.name for name, offered in FORMATS.items())


def test_an_unknown_format_is_refused_by_name() -> None:
    with pytest.raises(InvalidRequest, match=r"'odt'.*json.*srt") as caught:
        rendered(transcript_of(), "odt")
    assert (caught.value.code, caught.value.field) == ("unsupported_format", "format")


@pytest.mark.parametrize(
    ("name", "value", "limits"),
    [
        ("max_line_width", 9, "10 to 200"),
        ("max_line_width", 201, "10 to 200"),
        ("max_lines", 0, "1 to 10"),
        ("max_lines", 11, "1 to 10"),
        ("max_lines", True, "1 to 10"),
        ("max_chars_per_second", 4.9, "5 to 100"),
        ("max_chars_per_second", float("nan"), "5 to 100"),
        ("max_cue_seconds", 0.9, "1 to 60"),
        ("max_cue_seconds", 61, "1 to 60"),
        ("paragraph_pause", 0, "0.1 to 60"),
        ("max_paragraph_chars", 99, "100 to 20000"),
    ],
)
def test_a_value_outside_its_limits_is_refused_with_field_and_limits(
    name: str, value: float, limits: str
) -> None:
    with pytest.raises(InvalidRequest, match=f"{name}.*{limits}") as caught:
        RenderOptions(**{name: value})  # type: ignore[arg-type]  # the wrong type is the test
    assert caught.value.field == name


@pytest.mark.parametrize(
    ("format_name", "options", "field"),
    [
        ("srt", RenderOptions(karaoke=True), "karaoke"),
        ("json", RenderOptions(karaoke=True), "karaoke"),
        ("text", RenderOptions(max_lines=2), "max_lines"),
        ("tsv", RenderOptions(max_line_width=40), "max_line_width"),
        ("json", RenderOptions(speakers=False), "speakers"),
        ("json", RenderOptions(directional_marks=True), "directional_marks"),
        ("docx", RenderOptions(directional_marks=True), "directional_marks"),
        ("srt", RenderOptions(paragraphs=True), "paragraphs"),
        ("text", RenderOptions(max_cue_seconds=5), "max_cue_seconds"),
        ("tsv", RenderOptions(max_chars_per_second=20), "max_chars_per_second"),
        ("speakers", RenderOptions(speakers=False), "speakers"),
    ],
)
def test_an_option_that_a_format_can_not_honour_is_refused_not_swallowed(
    format_name: str, options: RenderOptions, field: str
) -> None:
    with pytest.raises(UnsupportedOption, match=field) as caught:
        rendered(transcript_of(), format_name, options)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("format_name", "expected"),
    [("text", ""), ("srt", ""), ("vtt", "WEBVTT\n"), ("tsv", "start\tend\ttext\n")],
)
def test_a_silent_recording_renders_as_a_valid_empty_file(format_name: str, expected: str) -> None:
    assert rendered(transcript_of(spoken("  ")), format_name) == expected
    assert rendered(transcript_of(), format_name) == expected


def test_json_is_the_canonical_document_with_letters_unescaped() -> None:
    original = transcript_of(spoken(" שָׁלוֹם & <b>", speaker="SPEAKER_00"))
    shown = rendered(original, "json")
    assert "שָׁלוֹם & <b>" in shown
    assert from_document(Transcript, json.loads(shown)) == original


def test_asking_for_speakers_where_none_are_known_shows_none() -> None:
    shown = rendered(transcript_of(spoken("Hi.")), "srt", RenderOptions(speakers=True))
    assert shown == "1\n00:00:00,000 --> 00:00:02,000\nHi.\n"


def test_arrows_markup_and_newlines_in_speech_can_not_break_subtitles() -> None:
    transcript = transcript_of(spoken("a --> b\n\n\t<i>c & d ---> e"))
    srt = rendered(transcript, "srt", RenderOptions(max_line_width=80))
    vtt = rendered(transcript, "vtt", RenderOptions(max_line_width=80))
    assert srt.splitlines()[2:] == ["a → b \u2039i\u203ac & d → e"]
    assert vtt.splitlines()[3:] == ["a --&gt; b &lt;i&gt;c &amp; d ---&gt; e"]


def test_a_speaker_label_is_escaped_in_a_voice_tag() -> None:
    vtt = rendered(transcript_of(spoken("Hi.", speaker="A>\n&B")), "vtt")
    assert "<v A&gt; &amp;B>Hi." in vtt


def test_a_tab_in_speech_adds_no_column() -> None:
    assert rendered(transcript_of(spoken("a\tb\nc")), "tsv").splitlines()[1] == "0\t2000\ta b c"


def test_a_format_without_marks_honours_a_wish_for_none() -> None:
    assert rendered(transcript_of(), "json", RenderOptions(directional_marks=False))


def test_names_of_files_differ_by_format() -> None:
    assert len({offered.extension for offered in FORMATS.values()}) == len(FORMATS)


def test_hours_past_ninety_nine_are_written_out() -> None:
    late = spoken("Hi.", start=360_000.0, end=360_002.5)
    assert "100:00:00,000 --> 100:00:02,500" in rendered(transcript_of(late), "srt")


def test_karaoke_marks_only_words_whose_time_was_measured() -> None:
    words = (
        Word(word=" one", start=0.0, end=0.5, probability=1.0),
        Word(word=" two", start=0.5, end=1.0, probability=1.0),
    )
    timed = Segment(id=0, start=0.0, end=1.0, text=" one two", words=words)
    vtt = rendered(
        transcript_of(timed, spoken("three four", start=5.0, end=6.0)),
        "vtt",
        RenderOptions(karaoke=True),
    )
    assert "\none <00:00:00.500>two\n" in vtt
    assert "\nthree four\n" in vtt
