"""SubRip subtitles: numbered cues, ``SPEAKER_00: `` before each speaker's text.

SubRip has no way to escape: an arrow that would read as a cue's times becomes ``→``, and the angle
brackets of what would be taken for a tag, and not be shown, become single guillemets. Nor can it
say which way a text runs, so a right-to-left line is embedded in directional controls.
"""

from __future__ import annotations

import re

from shared.domain.transcript import Transcript
from shared.formats.base import Format, RenderOptions, shows_speakers
from shared.formats.cues import CUE_OPTIONS, Cue, CueLimits, cut_cues, timestamp
from shared.formats.marks import Marks, embed, marks_for, visible_lead

_ARROW = re.compile(r"-{2,}>")
_TAG = re.compile(r"<([^<>]*)>")


def render_srt(transcript: Transcript, options: RenderOptions) -> str:
    """Render cues; the prefix counts towards the width of its line."""
    named = shows_speakers(transcript, options)
    cues = cut_cues(transcript, CueLimits.of(options, prefix=visible_lead if named else None))
    marks = marks_for(transcript, options)
    return "\n".join(
        _render_cue(number, cue, marks, named=named) for number, cue in enumerate(cues, start=1)
    )


def _render_cue(number: int, cue: Cue, marks: Marks, *, named: bool) -> str:
    start, end = (timestamp(time, decimal=",") for time in (cue.start_ms, cue.end_ms))
    rtl = marks.wants(" ".join(cue.texts), cue.units)
    first, *others = cue.texts
    lead = marks.lead(cue.speaker, rtl=rtl) if named else ""
    text = "\n".join(embed([lead + first, *others], rtl=rtl, on=marks.on))
    safe = _TAG.sub("\u2039\\1\u203a", _ARROW.sub("→", text))
    return f"{number}\n{start} --> {end}\n{safe}\n"


FORMAT = Format(
    name="srt",
    media_type="application/x-subrip",
    extension="srt",
    render=render_srt,
    honours=CUE_OPTIONS | {"speakers", "directional_marks"},
)
