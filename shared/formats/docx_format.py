"""A Word document: the recording's name, then a paragraph a turn under its speaker and time.

Word lays text out by properties, not by marks: right-to-left paragraphs and runs are set as such.
The same transcript gives the same bytes.
"""

from __future__ import annotations

import io
import re
import zipfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shared.domain.direction import is_right_to_left
from shared.domain.transcript import Transcript
from shared.formats.base import Format, RenderOptions
from shared.formats.cues import clock
from shared.formats.paragraphs import PARAGRAPH_OPTIONS, Paragraph, lay_paragraphs
from shared.formats.units import common_language, fold

if TYPE_CHECKING:  # the library is heavy, and not installed everywhere
    from docx.document import Document
    from docx.text.paragraph import Paragraph as WordParagraph

_GREY = (0x76, 0x76, 0x76)
# What XML 1.0 can't hold (https://www.w3.org/TR/xml/#charsets).
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)
_DATE = datetime(1980, 1, 1, tzinfo=UTC)


def render_docx(transcript: Transcript, options: RenderOptions) -> bytes:
    """Render the document; raises ImportError where python-docx is not installed."""
    import docx

    document = docx.Document()
    _describe(document, transcript, options.about.title)
    if options.about.title:
        title = _clean(options.about.title)
        _set(document.add_heading(title, level=1), title, transcript.language)
    for paragraph in lay_paragraphs(transcript, options):
        language = common_language(paragraph.units) or transcript.language
        _add_head(document, paragraph, language)
        text = _clean(paragraph.text)
        _set(document.add_paragraph(text), text, language)
    buffer = io.BytesIO()
    document.save(buffer)
    return _with_fixed_dates(buffer.getvalue())


def _describe(document: Document, transcript: Transcript, title: str | None) -> None:
    """Properties, and the language that spelling is checked in."""
    from docx.oxml.ns import qn

    known = document.core_properties
    known.author = "Tamlil"
    known.comments = ""
    known.title = _clean(title or "")[:255]
    known.created = known.modified = _DATE
    if transcript.language == "und":
        return
    known.language = transcript.language
    for language in document.styles.element.xpath("w:docDefaults//w:lang"):
        for script in ("w:val", "w:eastAsia", "w:bidi"):
            language.set(qn(script), transcript.language)


def _add_head(document: Document, paragraph: Paragraph, language: str) -> None:
    from docx.shared import RGBColor

    line = document.add_paragraph()
    line.paragraph_format.keep_with_next = True
    name = _clean(fold(paragraph.speaker or "").strip())
    if name:
        line.add_run(name).bold = True
        line.add_run("  ")
    time = line.add_run(clock(paragraph.start))
    time.font.color.rgb = RGBColor(*_GREY)
    if is_right_to_left(paragraph.text, language):
        _turn_paragraph(line)


def _set(paragraph: WordParagraph, text: str, language: str) -> None:
    if is_right_to_left(text, language):
        _turn_paragraph(paragraph)
        for run in paragraph.runs:
            run.font.rtl = True


def _turn_paragraph(paragraph: WordParagraph) -> None:
    """Make it run from the right; python-docx has no name for the property."""
    from docx.oxml.parser import OxmlElement

    paragraph._p.get_or_add_pPr().append(OxmlElement("w:bidi"))  # noqa: SLF001 - see above


def _clean(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)


def _with_fixed_dates(package: bytes) -> bytes:
    """The same archive without the time of writing."""
    rewritten = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(package)) as old, zipfile.ZipFile(rewritten, "w") as new:
        for name in old.namelist():
            info = zipfile.ZipInfo(name, date_time=_ZIP_DATE)
            info.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(info, old.read(name))
    return rewritten.getvalue()


FORMAT = Format(
    name="docx",
    media_type="application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    extension="docx",
    render=render_docx,
    honours=PARAGRAPH_OPTIONS | {"speakers"},
    binary=True,
    requires="docx",
    extra="docx",
)
