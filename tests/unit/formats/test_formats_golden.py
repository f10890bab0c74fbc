"""One conversation in every format, byte for byte."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shared.domain.codec import from_document
from shared.domain.transcript import Transcript
from shared.formats import RenderOptions, render

GOLDEN = Path(__file__).parents[2] / "golden"

CASES = {
    "conversation.json": ("json", RenderOptions()),
    "conversation.txt": ("text", RenderOptions()),
    "conversation.plain.txt": ("text", RenderOptions(speakers=False)),
    "conversation.narrow.txt": ("text", RenderOptions(max_line_width=30)),
    "conversation.srt": ("srt", RenderOptions()),
    "conversation.narrow.srt": ("srt", RenderOptions(max_line_width=20, max_lines=1)),
    "conversation.plain.srt": ("srt", RenderOptions(speakers=False)),
    "conversation.vtt": ("vtt", RenderOptions()),
    "conversation.karaoke.vtt": ("vtt", RenderOptions(karaoke=True)),
    "conversation.tsv": ("tsv", RenderOptions()),
    "conversation.plain.tsv": ("tsv", RenderOptions(speakers=False)),
}


def conversation() -> Transcript:
    document = json.loads((GOLDEN / "conversation.json").read_text("utf-8"))
    return from_document(Transcript, document)


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_rendering_equals_its_golden_file(name: str) -> None:
    format_name, options = CASES[name]
    expected = (GOLDEN / name).read_bytes()
    assert render(conversation(), format_name, options).encode() == expected
