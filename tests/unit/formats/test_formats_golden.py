"""Recordings rendered, byte for byte: an English talk and a Hebrew meeting in every format.

Where direction matters there are an Arabic interview and a Yiddish market as well.
"""

from __future__ import annotations

import csv
import html
import io
import json
import re
import zipfile
from pathlib import Path

import pysubs2
import pytest
import webvtt
from bidi import get_display
from pyannote.database.util import load_rttm

from shared.domain.codec import from_document
from shared.domain.direction import strip_directional_controls
from shared.domain.transcript import Transcript
from shared.formats import FORMATS, About, RenderOptions, render

GOLDEN = Path(__file__).parents[2] / "golden"
ABOUT = About(title="Board meeting 7")

#: What is read of a document: the rest of the archive is python-docx's template.
DOCX_PART = "word/document.xml"

CASES = {
    "conversation.json": ("json", RenderOptions()),
    "conversation.verbose.json": ("verbose_json", RenderOptions()),
    "conversation.txt": ("text", RenderOptions()),
    "conversation.plain.txt": ("text", RenderOptions(speakers=False)),
    "conversation.paragraphs.txt": ("text", RenderOptions(speakers=False, paragraph_pause=2.0)),
    "conversation.narrow.txt": ("text", RenderOptions(max_line_width=30)),
    "conversation.speakers.txt": ("speakers", RenderOptions()),
    "conversation.srt": ("srt", RenderOptions()),
    "conversation.narrow.srt": ("srt", RenderOptions(max_line_width=20, max_lines=1)),
    "conversation.plain.srt": ("srt", RenderOptions(speakers=False)),
    "conversation.slow.srt": (
        "srt",
        RenderOptions(max_chars_per_second=12, max_cue_seconds=4, speakers=False),
    ),
    "conversation.vtt": ("vtt", RenderOptions()),
    "conversation.karaoke.vtt": ("vtt", RenderOptions(karaoke=True)),
    "conversation.tsv": ("tsv", RenderOptions()),
    "conversation.plain.tsv": ("tsv", RenderOptions(speakers=False)),
    "conversation.rttm": ("rttm", RenderOptions(about=ABOUT)),
    "conversation.docx.xml": ("docx", RenderOptions(about=ABOUT)),
    "meeting.json": ("json", RenderOptions()),
    "meeting.verbose.json": ("verbose_json", RenderOptions()),
    "meeting.txt": ("text", RenderOptions()),
    "meeting.plain.txt": ("text", RenderOptions(speakers=False)),
    "meeting.unmarked.txt": ("text", RenderOptions(directional_marks=False)),
    "meeting.speakers.txt": ("speakers", RenderOptions()),
    "meeting.srt": ("srt", RenderOptions()),
    "meeting.unmarked.srt": ("srt", RenderOptions(directional_marks=False)),
    "meeting.vtt": ("vtt", RenderOptions()),
    "meeting.karaoke.vtt": ("vtt", RenderOptions(karaoke=True, max_line_width=30)),
    "meeting.tsv": ("tsv", RenderOptions()),
    "meeting.rttm": ("rttm", RenderOptions()),
    "meeting.docx.xml": ("docx", RenderOptions()),
    "interview.srt": ("srt", RenderOptions()),
    "interview.txt": ("text", RenderOptions()),
    "interview.vtt": ("vtt", RenderOptions()),
    "interview.karaoke.vtt": ("vtt", RenderOptions(karaoke=True)),
    "market.srt": ("srt", RenderOptions()),
    "market.narrow.srt": ("srt", RenderOptions(max_line_width=24)),
    "market.txt": ("text", RenderOptions()),
    "market.vtt": ("vtt", RenderOptions()),
}
RIGHT_TO_LEFT = ("meeting", "interview", "market")


# pysubs2 takes a line with two of karaoke's times for the times of a cue.
SUBTITLES = [n for n in CASES if n.endswith((".srt", ".vtt")) and "karaoke" not in n]


def recording(name: str) -> Transcript:
    document = json.loads((GOLDEN / f"{name.partition('.')[0]}.json").read_text("utf-8"))
    return from_document(Transcript, document)


def rendering(name: str) -> bytes:
    format_name, options = CASES[name]
    found = render(recording(name), format_name, options)
    if format_name != "docx":
        return found
    with zipfile.ZipFile(io.BytesIO(found)) as archive:
        return archive.read(DOCX_PART)


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_rendering_equals_its_golden_file(name: str) -> None:
    assert rendering(name) == (GOLDEN / name).read_bytes()


@pytest.mark.parametrize("name", ["conversation", "meeting"])
def test_each_format_has_a_golden_file(name: str) -> None:
    covered = {form for case, (form, _) in CASES.items() if case.startswith(f"{name}.")}
    assert covered == set(FORMATS)


@pytest.mark.parametrize("name", ["json", "verbose.json", "tsv", "rttm", "docx.xml"])
def test_only_subtitles_and_text_carry_directional_marks(name: str) -> None:
    text = rendering(f"meeting.{name}").decode()
    assert strip_directional_controls(text) == text


def seen(line: str, base: str | None = None) -> str:
    """What stands on the screen from left to right; by the first letter unless a base is given."""
    return strip_directional_controls(get_display(line, base_dir=base))


def visible_lines(name: str) -> list[str]:
    lines = [re.sub("<[^>]*>", "", line) for line in rendering(name).decode().splitlines()]
    bodies = [html.unescape(line) for line in lines if "-->" not in line]
    return [line for line in bodies if re.search("[\u0590-\u06ff]", line)]


@pytest.mark.parametrize(
    "name", [n for n in CASES if n.startswith(RIGHT_TO_LEFT) and n.endswith((".srt", ".txt"))]
)
def test_a_marked_line_looks_the_same_whatever_a_player_goes_by(name: str) -> None:
    looks = [(seen(line), seen(line, "L"), seen(line, "R")) for line in visible_lines(name)]
    differing = [look for look in looks if len(set(look)) > 1]
    # Without marks it depends on the player: so the marks are what this is about.
    assert bool(differing) is ("unmarked" in name)


@pytest.mark.parametrize(
    "name", [n for n in CASES if n.startswith(RIGHT_TO_LEFT) and n.endswith(".vtt")]
)
def test_a_web_player_goes_by_the_mark_at_the_start_of_a_line(name: str) -> None:
    for line in visible_lines(name):
        assert line.startswith("\u200f")
        assert seen(line) == seen(line, "R")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("interview.txt", "؟Python 3.11 مأ C++ مدختسن له :SPEAKER_01"),
        ("interview.vtt", "؟Python 3.11 مأ C++ مدختسن له"),
    ],
)
def test_a_reader_sees_latin_words_and_numbers_in_their_own_order(name: str, shown: str) -> None:
    found = [seen(line, None if name.endswith(".vtt") else "L") for line in visible_lines(name)]
    assert shown in found


def words_of(text: str) -> list[str]:
    """What is said, without marks, names, times and layout, and with arrows of one kind."""
    layout = re.compile(r"SPEAKER_\d\d:|<[\d:.]+>")
    bare = layout.sub("", strip_directional_controls(html.unescape(text)))
    return bare.replace("-->", "→").replace("\u2039", "<").replace("\u203a", ">").split()


def said(name: str) -> list[str]:
    return words_of(recording(name).text)


@pytest.mark.parametrize("name", SUBTITLES)
def test_a_subtitle_library_reads_every_golden_file(name: str) -> None:
    path = GOLDEN / name
    parsed = pysubs2.load(str(path), encoding="utf-8", format_=path.suffix[1:])
    texts = " ".join(event.plaintext for event in parsed)
    assert words_of(texts) == said(name)
    assert all(0 <= event.start < event.end for event in parsed)


@pytest.mark.parametrize("name", [name for name in CASES if name.endswith(".vtt")])
def test_a_web_subtitle_library_reads_times_text_and_voices(name: str) -> None:
    captions = webvtt.read(str(GOLDEN / name)).captions
    assert words_of(" ".join(caption.text for caption in captions)) == said(name)
    assert all(0 <= caption.start_in_seconds < caption.end_in_seconds for caption in captions)
    assert {caption.voice for caption in captions} == {"SPEAKER_00", "SPEAKER_01"}


@pytest.mark.parametrize("name", ["conversation.rttm", "meeting.rttm"])
def test_a_diarization_library_reads_every_turn(name: str) -> None:
    found = load_rttm(GOLDEN / name)  # type: ignore[no-untyped-call]  # it has no types
    ((_, turns),) = found.items()
    times = [(segment.start, segment.end) for segment, _ in turns.itertracks()]
    assert len(times) == len((GOLDEN / name).read_text("utf-8").splitlines())
    assert all(0 <= start < end <= recording(name).duration for start, end in times)
    assert set(turns.labels()) == {"SPEAKER_00", "SPEAKER_01"}


@pytest.mark.parametrize("name", [name for name in CASES if name.endswith(".tsv")])
def test_a_reader_of_tables_finds_every_word_under_its_column(name: str) -> None:
    text = (GOLDEN / name).read_text("utf-8")
    rows = list(csv.DictReader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE))
    assert words_of(" ".join(row["text"] for row in rows)) == said(name)
    assert all(0 <= int(row["start"]) < int(row["end"]) for row in rows)
