"""Plain text: a line a segment or, with speakers, a paragraph a turn.

``SPEAKER_00: …`` opens each turn and an empty line ends it. Lines are wrapped only on request.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from shared.domain.transcript import Transcript
from shared.formats.base import Format, RenderOptions, shows_speakers
from shared.formats.cues import speaker_runs
from shared.formats.lines import wrap
from shared.formats.units import Unit, fold, join, segment_units


def render_text(transcript: Transcript, options: RenderOptions) -> str:
    """Render the words only; no times."""
    if shows_speakers(transcript, options):
        paragraphs = [_lay_out(turn, options, speaker) for speaker, turn in _turns(transcript)]
        return "\n\n".join(paragraphs) + "\n" * bool(paragraphs)
    lines = [_lay_out(segment_units(segment), options, None) for segment in transcript.segments]
    return "".join(f"{line}\n" for line in lines if line)


def _turns(transcript: Transcript) -> Iterator[tuple[str | None, list[Unit]]]:
    """Yield each speaker's uninterrupted words, across segments."""
    turn: list[Unit] = []
    for segment in transcript.segments:
        for run in speaker_runs(segment_units(segment)):
            if turn and turn[0].speaker != run[0].speaker:
                yield turn[0].speaker, turn
                turn = []
            turn += _spaced(run) if turn else run
    if turn:
        yield turn[0].speaker, turn


def _spaced(run: list[Unit]) -> list[Unit]:
    """A new segment starts a new word, whatever its first token says."""
    return [replace(run[0], spaced=True), *run[1:]]


def _lay_out(units: list[Unit], options: RenderOptions, speaker: str | None) -> str:
    prefix = f"{fold(speaker).strip()}: " if speaker else ""
    if options.max_line_width is None:
        return prefix + join(units)
    lines = wrap(units, width=options.max_line_width, lead=len(prefix))
    return prefix + "\n".join(join(line) for line in lines)


FORMAT = Format(
    name="text",
    media_type="text/plain",
    extension="txt",
    render=render_text,
    honours=frozenset({"max_line_width", "speakers"}),
)
