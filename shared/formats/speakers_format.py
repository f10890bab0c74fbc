"""Who said what, and when: a paragraph a turn under a line with its times and the speaker.

::

    [00:00:08 - 00:00:10] SPEAKER_01
    Which budget? The old one?

A long turn is several paragraphs, each with its own times. Where nobody was told apart, the times
stand alone.
"""

from __future__ import annotations

from shared.domain.transcript import Transcript
from shared.formats.base import Format, RenderOptions
from shared.formats.cues import clock
from shared.formats.marks import Marks, marks_for
from shared.formats.paragraphs import PARAGRAPH_OPTIONS, Paragraph, lay_paragraphs
from shared.formats.text_format import lay_out
from shared.formats.units import fold


def render_speakers(transcript: Transcript, options: RenderOptions) -> str:
    """Render paragraphs; their text is laid out as in plain text."""
    marks = marks_for(transcript, options)
    blocks = [_block(each, options, marks) for each in lay_paragraphs(transcript, options)]
    return "\n".join(blocks)


def _block(paragraph: Paragraph, options: RenderOptions, marks: Marks) -> str:
    head = f"[{clock(paragraph.start)} - {clock(paragraph.end)}]"
    name = fold(paragraph.speaker or "").strip()
    body = lay_out(paragraph, options, marks, named=False)
    return f"{head} {name}".rstrip() + f"\n{body}\n"


FORMAT = Format(
    name="speakers",
    media_type="text/plain",
    extension="speakers.txt",
    render=render_speakers,
    honours=PARAGRAPH_OPTIONS | {"max_line_width", "directional_marks"},
)
