"""SubRip subtitles: numbered cues, ``SPEAKER_00: `` before each speaker's text.

SubRip has no way to escape, so an arrow that would read as a cue's times becomes ``→``.
"""

from __future__ import annotations

import re

from shared.domain.transcript import Transcript
from shared.formats.base import Format, RenderOptions, shows_speakers
from shared.formats.cues import (
    DEFAULT_LINE_WIDTH,
    DEFAULT_LINES,
    Cue,
    CueLimits,
    cut_cues,
    timestamp,
)
from shared.formats.units import fold

_ARROW = re.compile(r"-{2,}>")


def render_srt(transcript: Transcript, options: RenderOptions) -> str:
    """Render cues; the prefix counts towards the width of its line."""
    limits = CueLimits(
        width=options.max_line_width or DEFAULT_LINE_WIDTH,
        lines=options.max_lines or DEFAULT_LINES,
        prefix=_prefix if shows_speakers(transcript, options) else None,
    )
    cues = cut_cues(transcript, limits)
    return "\n".join(_render_cue(number, cue, limits) for number, cue in enumerate(cues, start=1))


def _prefix(speaker: str) -> str:
    return f"{fold(speaker).strip()}: "


def _render_cue(number: int, cue: Cue, limits: CueLimits) -> str:
    start, end = (timestamp(time, decimal=",") for time in (cue.start_ms, cue.end_ms))
    text = limits.lead(cue.speaker) + "\n".join(cue.texts)
    return f"{number}\n{start} --> {end}\n{_ARROW.sub('→', text)}\n"


FORMAT = Format(
    name="srt",
    media_type="application/x-subrip",
    extension="srt",
    render=render_srt,
    honours=frozenset({"max_line_width", "max_lines", "speakers"}),
)
