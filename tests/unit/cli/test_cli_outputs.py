from __future__ import annotations

from pathlib import Path

import pytest

from shared.domain.errors import InvalidRequest, UnsupportedOption
from tamlil.layout import share_layout
from tamlil.outputs import Output, file_names, plan_output, source_name, write_outputs


@pytest.mark.parametrize("target", [None, "-"])
def test_without_a_target_text_goes_to_stdout(target: str | None) -> None:
    assert plan_output(target, [], ["a.mp3"]) == Output(formats=("text",))


def test_one_format_may_go_to_stdout() -> None:
    assert plan_output("-", ["srt"], ["a.mp3", "b.mp3"]) == Output(formats=("srt",))


def test_several_formats_need_a_folder() -> None:
    with pytest.raises(InvalidRequest) as caught:
        plan_output(None, ["srt", "vtt"], ["a.mp3"])
    assert caught.value.code == "no_folder"


def test_a_file_s_extension_chooses_the_format() -> None:
    planned = plan_output("out/talk.vtt", [], ["a.mp3"])
    assert planned == Output(formats=("vtt",), file=Path("out/talk.vtt"))


@pytest.mark.parametrize(
    ("target", "format_name"),
    [
        ("talk.docx", "docx"),
        ("talk.speakers.txt", "speakers"),
        ("talk.txt", "text"),
        ("talk.verbose.json", "verbose_json"),
        ("talk.JSON", "json"),
    ],
)
def test_the_longest_extension_counts(target: str, format_name: str) -> None:
    assert plan_output(target, [], ["a.mp3"]).formats == (format_name,)


def test_a_document_that_is_no_text_does_not_go_to_stdout() -> None:
    with pytest.raises(InvalidRequest, match="--output"):
        plan_output("-", ["docx"], ["a.mp3"])


def test_each_format_gets_the_options_that_it_honours() -> None:
    shared = share_layout(["srt", "docx", "json"], {"max_lines": 1, "paragraph_pause": 3.0})
    assert shared == {"srt": {"max_lines": 1}, "docx": {"paragraph_pause": 3.0}, "json": {}}


def test_a_wish_that_is_met_anyway_is_no_error() -> None:
    assert share_layout(["json"], {"directional_marks": False}) == {"json": {}}


def test_an_option_that_no_format_honours_is_refused() -> None:
    with pytest.raises(UnsupportedOption) as caught:
        share_layout(["json", "text"], {"max_lines": 1})
    assert caught.value.field == "max_lines"


def test_contradictions_are_refused_before_anything_starts() -> None:
    with pytest.raises(InvalidRequest):
        share_layout(["text"], {"paragraphs": False, "paragraph_pause": 3.0})


def test_a_format_that_is_asked_for_wins_over_the_extension() -> None:
    assert plan_output("talk.sub", ["srt"], ["a.mp3"]).formats == ("srt",)


@pytest.mark.parametrize("target", ["out/", "out"])
def test_a_slash_or_no_extension_means_a_folder(target: str) -> None:
    planned = plan_output(target, ["srt", "json"], ["a.mp3", "b.mp3"])
    assert planned == Output(formats=("srt", "json"), folder=Path("out"))


def test_a_folder_that_is_there_is_one_whatever_its_name(tmp_path: Path) -> None:
    (tmp_path / "show.srt").mkdir()
    assert plan_output(str(tmp_path / "show.srt"), [], ["a.mp3"]).folder == tmp_path / "show.srt"


@pytest.mark.parametrize(
    ("formats", "sources"), [(["srt"], ["a.mp3", "b.mp3"]), (["srt", "vtt"], ["a.mp3"])]
)
def test_several_transcripts_never_go_into_one_file(formats: list[str], sources: list[str]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        plan_output("all.srt", formats, sources)
    assert caught.value.code == "no_folder"


def test_an_unknown_format_is_refused_before_anything_starts() -> None:
    with pytest.raises(InvalidRequest) as caught:
        plan_output(None, ["odt"], ["a.mp3"])
    assert "srt" in caught.value.detail


def test_sources_of_one_name_never_share_a_file() -> None:
    names = file_names(["x/a.mp3", "y/a.wav", "z/a.wav", "b.c.mp3"], ["srt"])
    assert [name["srt"] for name in names] == ["a.mp3.srt", "a.wav.srt", "a.wav-2.srt", "b.c.srt"]


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("dir/a b.mp3", "a b.mp3"),
        ("https://example.com/x/%D7%A9.mp3?token=secret", "ש.mp3"),
        ("https://example.com/", "audio"),
    ],
)
def test_a_source_is_named_by_its_last_part_without_the_query(source: str, name: str) -> None:
    assert source_name(source) == name


def test_a_folder_is_made_and_bytes_are_kept_as_they_are(tmp_path: Path) -> None:
    (path,) = write_outputs(tmp_path / "new/deep", {"a.srt": "1\r\nדג\n".encode()})
    assert path.read_bytes() == "1\r\nדג\n".encode()
