"""OpenAI's JSON, speaker turns and Word documents, read by programs that nobody here wrote."""

from __future__ import annotations

import dataclasses
import io
import json
import sys
from dataclasses import replace
from typing import Any

import docx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.errors import InvalidRequest, UnsupportedOption
from shared.domain.options import LANGUAGES
from shared.domain.transcript import ExtraData, Transcript, Turn
from shared.formats import About, RenderOptions, render
from shared.formats.language_names import LANGUAGE_NAMES
from tests.support.transcripts import rendered, segment_of, spoken, transcript_of, word

FACTS = ExtraData(avg_logprob=-0.3, compression_ratio=1.2, no_speech_prob=0.1, temperature=0.2)


def verbose(transcript: Transcript, options: RenderOptions | None = None) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(rendered(transcript, "verbose_json", options))
    return found


def test_verbose_json_has_openai_s_names_and_nothing_else() -> None:
    segment = segment_of(word(" Hello,", 1.239, 1.8), word(" world.", 1.8, 2.5))
    found = verbose(transcript_of(dataclasses.replace(segment, extra_data=FACTS)))
    assert found.keys() == {"task", "language", "duration", "text", "words", "segments"}
    assert (found["task"], found["language"]) == ("transcribe", "english")
    assert found["words"][0] == {"word": "Hello,", "start": 1.239, "end": 1.8}
    (only,) = found["segments"]
    assert only == {
        "id": 0, "seek": 123, "start": 1.239, "end": 2.5, "text": " Hello, world.", "tokens": [],
        "temperature": 0.2, "avg_logprob": -0.3, "compression_ratio": 1.2, "no_speech_prob": 0.1,
    }  # fmt: skip


def test_verbose_json_leaves_out_what_the_job_did_not_keep() -> None:
    found = verbose(transcript_of(spoken("Hello.")))
    assert "words" not in found
    assert found["segments"][0].keys() == {"id", "seek", "start", "end", "text", "tokens"}


def test_verbose_json_says_what_was_done() -> None:
    options = RenderOptions(about=About(task="translate"))
    assert verbose(transcript_of(spoken("Hello.")), options)["task"] == "translate"


def test_every_language_has_a_name() -> None:
    assert set(LANGUAGE_NAMES) == LANGUAGES
    assert verbose(transcript_of(language="und"))["language"] == "und"


def turns(transcript: Transcript, options: RenderOptions | None = None) -> list[list[str]]:
    return [line.split() for line in rendered(transcript, "rttm", options).splitlines()]


def test_a_turn_ends_at_another_speaker_s_word_and_at_a_pause() -> None:
    segment = segment_of(
        word(" a", 0, 1, "A"), word(" b", 1.4, 2, "A"), word(" c", 2, 3, "B"),
        word(" d", 3, 4, "A"), word(" e", 4.5, 5, "A"),
    )  # fmt: skip
    found = turns(transcript_of(segment))
    assert [(line[7], line[3], line[4]) for line in found] == [
        ("A", "0.000", "2.000"),
        ("B", "2.000", "1.000"),
        ("A", "3.000", "1.000"),
        ("A", "4.500", "0.500"),
    ]
    assert {len(line) for line in found} == {10}


def test_the_diarizer_s_turns_come_with_their_overlap() -> None:
    heard = (Turn(start=0.0, end=2.0, speaker="A"), Turn(start=1.5, end=3.25, speaker="B"))
    spoken_by_one = transcript_of(segment_of(word(" a", 0, 3, "A")))
    found = turns(replace(spoken_by_one, turns=heard))
    assert [(line[7], line[3], line[4]) for line in found] == [
        ("A", "0.000", "2.000"),
        ("B", "1.500", "1.750"),
    ]


def test_names_with_spaces_do_not_break_the_columns_of_rttm() -> None:
    options = RenderOptions(about=About(title="my call\n1"))
    (line,) = turns(transcript_of(spoken("Hi.", speaker="Dana  Cohen")), options)
    assert (line[1], line[7], len(line)) == ("my_call_1", "Dana_Cohen", 10)


def test_turns_of_nobody_are_refused_but_silence_is_empty() -> None:
    with pytest.raises(InvalidRequest) as caught:
        render(transcript_of(spoken("Hi.")), "rttm")
    assert (caught.value.code, caught.value.field) == ("no_speakers", "format")
    assert render(transcript_of(), "rttm") == b""


def word_document(transcript: Transcript, options: RenderOptions | None = None) -> Any:
    return docx.Document(io.BytesIO(render(transcript, "docx", options)))


def test_a_document_has_title_speakers_times_and_text() -> None:
    transcript = transcript_of(
        spoken("Which budget?", start=65, end=67, speaker="SPEAKER_00"),
        spoken("The old one.", start=67, end=68, speaker="SPEAKER_01"),
    )
    document = word_document(transcript, RenderOptions(about=About(title="Board, 7 May")))
    assert [paragraph.text for paragraph in document.paragraphs] == [
        "Board, 7 May",
        "SPEAKER_00  00:01:05",
        "Which budget?",
        "SPEAKER_01  00:01:07",
        "The old one.",
    ]
    assert document.core_properties.title == "Board, 7 May"
    assert document.core_properties.language == "en"


def test_right_to_left_paragraphs_are_set_as_such() -> None:
    transcript = transcript_of(
        spoken("API זה לא הכול."), spoken("Hello.", start=9, end=10), language="he"
    )
    head, hebrew, _, english = word_document(transcript).paragraphs
    assert head._p.xpath("w:pPr/w:bidi")
    assert hebrew._p.xpath("w:pPr/w:bidi")
    assert hebrew.runs[0].font.rtl
    assert hebrew.text == "API זה לא הכול."
    assert not english._p.xpath("w:pPr/w:bidi")


def test_the_same_document_is_the_same_bytes() -> None:
    transcript = transcript_of(spoken("Hi."))
    assert render(transcript, "docx") == render(transcript, "docx")


@settings(max_examples=25, deadline=None)
@given(st.text(max_size=60), st.text(max_size=20))
def test_any_speech_makes_a_document_that_can_be_opened(text: str, title: str) -> None:
    transcript = transcript_of(spoken(text, speaker=title))
    found = word_document(transcript, RenderOptions(about=About(title=title)))
    squeezed = "".join("".join(paragraph.text for paragraph in found.paragraphs).split())
    visible = [char for char in text if char.isalnum()]
    assert [char for char in squeezed if char in visible] or not visible


def test_a_format_whose_library_is_not_installed_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "docx", None)
    with pytest.raises(UnsupportedOption, match=r"pip install 'tamlil\[docx\]'") as caught:
        render(transcript_of(spoken("Hi.")), "docx")
    assert (caught.value.code, caught.value.field) == ("format_unavailable", "format")
