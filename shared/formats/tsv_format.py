"""Tab-separated rows for spreadsheets and scripts.

Columns as Whisper's own: ``start``, ``end`` (whole milliseconds), ``text``, under a header row; a
row a segment. When speakers are shown, ``speaker`` stands before ``text`` and a segment has a row
for each change of speaker.
"""

from __future__ import annotations

from shared.domain.transcript import Segment, Transcript
from shared.formats.base import Format, RenderOptions, shows_speakers
from shared.formats.cues import speaker_runs
from shared.formats.units import fold, join, segment_units

Row = tuple[str, ...]


def render_tsv(transcript: Transcript, options: RenderOptions) -> str:
    """Render rows; a tab or newline inside a text becomes a space."""
    if shows_speakers(transcript, options):
        header: Row = ("start", "end", "speaker", "text")
        rows = [row for segment in transcript.segments for row in _speaker_rows(segment)]
    else:
        header = ("start", "end", "text")
        rows = [row for segment in transcript.segments for row in _plain_rows(segment)]
    return "".join("\t".join(row) + "\n" for row in (header, *rows))


def _plain_rows(segment: Segment) -> list[Row]:
    text = join(segment_units(segment))
    return [(_milliseconds(segment.start), _milliseconds(segment.end), text)] if text else []


def _speaker_rows(segment: Segment) -> list[Row]:
    runs = list(speaker_runs(segment_units(segment)))
    starts = [segment.start, *(run[0].start for run in runs[1:])]
    ends = [*(run[-1].end for run in runs[:-1]), segment.end]
    return [
        (_milliseconds(start), _milliseconds(end), fold(run[0].speaker or "").strip(), join(run))
        for run, start, end in zip(runs, starts, ends, strict=False)
    ]


def _milliseconds(seconds: float) -> str:
    return str(round(seconds * 1000))


FORMAT = Format(
    name="tsv",
    media_type="text/tab-separated-values",
    extension="tsv",
    render=render_tsv,
    honours=frozenset({"speakers"}),
)
