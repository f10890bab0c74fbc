"""WebVTT subtitles (https://www.w3.org/TR/webvtt1/), speakers as voice tags.

With karaoke, a timestamp stands before each word whose time was measured; the specification wants
those inside the cue and rising, so others are left out. Players lay each line out by its first
letter, so a right-to-left line begins with a mark that says so.
"""

from __future__ import annotations

from shared.domain.transcript import Transcript
from shared.formats.base import Format, RenderOptions, shows_speakers
from shared.formats.cues import CUE_OPTIONS, Cue, CueLimits, cut_cues, timestamp
from shared.formats.marks import Marks, marks_for, open_lines
from shared.formats.units import Unit, fold

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def render_vtt(transcript: Transcript, options: RenderOptions) -> str:
    """Render cues; markup is not visible and does not count towards the width."""
    named = shows_speakers(transcript, options)
    marks = marks_for(transcript, options)
    cues = cut_cues(transcript, CueLimits.of(options))
    bodies = [_render_cue(cue, marks, named=named, karaoke=options.karaoke) for cue in cues]
    return "\n".join(["WEBVTT\n", *bodies])


def _render_cue(cue: Cue, marks: Marks, *, named: bool, karaoke: bool) -> str:
    start, end = (timestamp(time, decimal=".") for time in (cue.start_ms, cue.end_ms))
    lines = _karaoke_lines(cue) if karaoke else [text.translate(_ESCAPES) for text in cue.texts]
    rtl = marks.wants(" ".join(cue.texts), cue.units)
    lines = open_lines(lines, rtl=rtl, on=marks.on)
    voice = f"<v {fold(cue.speaker).translate(_ESCAPES)}>" if named and cue.speaker else ""
    return f"{start} --> {end}\n{voice}" + "\n".join(lines) + "\n"


def _karaoke_lines(cue: Cue) -> list[str]:
    lines: list[str] = []
    latest = cue.start_ms
    for line in cue.lines:
        text = ""
        for unit in line:
            mark, latest = _mark(unit, latest, cue.end_ms)
            space = " " if text and unit.spaced else ""
            text += f"{space}{mark}{unit.text.translate(_ESCAPES)}"
        lines.append(text)
    return lines


def _mark(unit: Unit, latest: int, end: int) -> tuple[str, int]:
    time = round(unit.start * 1000)
    if not unit.timed or not latest < time < end:
        return "", latest
    return f"<{timestamp(time, decimal='.')}>", time


FORMAT = Format(
    name="vtt",
    media_type="text/vtt",
    extension="vtt",
    render=render_vtt,
    honours=CUE_OPTIONS | {"speakers", "karaoke", "directional_marks"},
)
