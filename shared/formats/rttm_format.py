"""Speaker turns as NIST's RTTM, which tools for diarization score and draw.

The diarizer's own turns, overlap included. A transcript without them (of an older version) gives
its words': a turn is then an unbroken stretch of one speaker's words, which another speaker's word
or a pause of half a second ends; words without times give the segment's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from shared.domain.transcript import Transcript, Turn
from shared.formats.base import Format, RenderOptions
from shared.formats.units import Unit, fold, segment_units

PAUSE_SECONDS = 0.5
_BLANKS = re.compile(r"\s+")


def render_rttm(transcript: Transcript, options: RenderOptions) -> str:
    """One line a turn, in order of start; fields hold no spaces."""
    name = _field(options.about.title or "audio")
    return "".join(
        f"SPEAKER {name} 1 {turn.start:.3f} {turn.end - turn.start:.3f} <NA> <NA>"
        f" {_field(turn.speaker)} <NA> <NA>\n"
        for turn in sorted(speaker_turns(transcript), key=lambda turn: turn.start)
        if turn.end > turn.start
    )


def speaker_turns(transcript: Transcript) -> Iterator[Turn]:
    """The diarizer's turns, else each speaker's neighbouring words; the unnamed are left out."""
    if transcript.turns:
        yield from transcript.turns
        return
    units = [unit for segment in transcript.segments for unit in segment_units(segment)]
    if not units:
        return
    start, end = units[0].start, units[0].end
    for before, after in pairwise(units):
        if before.speaker != after.speaker or after.start - end >= PAUSE_SECONDS:
            yield from _turn(before, start, end)
            start, end = after.start, after.end
        end = max(end, after.end)
    yield from _turn(units[-1], start, end)


def _turn(unit: Unit, start: float, end: float) -> Iterator[Turn]:
    if unit.speaker:
        yield Turn(start=start, end=end, speaker=unit.speaker)


def _field(text: str) -> str:
    return _BLANKS.sub("_", fold(text).strip()) or "audio"


FORMAT = Format(
    name="rttm",
    media_type="text/plain",
    extension="rttm",
    render=render_rttm,
    of_speakers=True,
)
