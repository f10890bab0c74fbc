"""Plain text: a line a segment or, with speakers or on request, paragraphs.

``SPEAKER_00: …`` opens each turn and an empty line ends each paragraph. Lines are wrapped only on
request. A right-to-left line is embedded in directional controls.
"""

from __future__ import annotations

from shared.domain.transcript import Transcript
from shared.formats.base import Format, RenderOptions, shows_speakers
from shared.formats.lines import wrap
from shared.formats.marks import Marks, embed, marks_for, visible_lead
from shared.formats.paragraphs import PARAGRAPH_OPTIONS, Paragraph, lay_paragraphs
from shared.formats.units import join


def render_text(transcript: Transcript, options: RenderOptions) -> str:
    """Render the words only; no times."""
    by_default = shows_speakers(transcript, options)
    marks = marks_for(transcript, options)
    gap = "\n\n" if options.wants_paragraphs(by_default=by_default) else "\n"
    blocks: list[str] = []
    speaker: str | None = None
    for paragraph in lay_paragraphs(transcript, options, by_default=by_default):
        opens_turn = paragraph.speaker != speaker
        blocks.append(lay_out(paragraph, options, marks, named=opens_turn))
        speaker = paragraph.speaker
    return gap.join(blocks) + "\n" * bool(blocks)


def lay_out(paragraph: Paragraph, options: RenderOptions, marks: Marks, *, named: bool) -> str:
    """One paragraph, wrapped if so asked, after its speaker's name where `named`."""
    rtl = marks.wants(paragraph.text, paragraph.units)
    speaker = paragraph.speaker if named else None
    lines = [paragraph.text]
    if options.max_line_width is not None:
        lead = len(visible_lead(speaker)) if speaker else 0
        wrapped = wrap(paragraph.units, width=options.max_line_width, lead=lead)
        lines = [join(line) for line in wrapped]
    lines[0] = marks.lead(speaker, rtl=rtl) + lines[0]
    return "\n".join(embed(lines, rtl=rtl, on=marks.on))


FORMAT = Format(
    name="text",
    media_type="text/plain",
    extension="txt",
    render=render_text,
    honours=PARAGRAPH_OPTIONS | {"max_line_width", "speakers", "directional_marks"},
)
