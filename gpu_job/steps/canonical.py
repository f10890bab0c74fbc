"""Building the canonical transcript: numbered, monotone, rounded, and as detailed as asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from gpu_job.engines.ports import TranscriptionOutput
from gpu_job.steps.assign_speakers import speaker_totals
from shared.domain.direction import strip_directional_controls
from shared.domain.flags import Flag
from shared.domain.options import OutputOptions, TranscriptionOptions
from shared.domain.transcript import Segment, Transcript, Turn, Word

_TIME_DIGITS = 3
_PROBABILITY_DIGITS = 4

NO_SPEECH = "no_speech"


def build_transcript(
    heard: TranscriptionOutput,
    *,
    duration: float,
    options: TranscriptionOptions,
    model: str,
    tamlil_version: str,
    turns: Sequence[Turn] = (),
    warnings: Sequence[str] = (),
    timings: Mapping[str, float] | None = None,
) -> Transcript:
    """Build the result of a job.

    Args:
        heard: the language (``und`` when nobody spoke) and the segments in order of their starts,
            labelled with speakers if there are any; they are numbered anew from 0.
        duration: seconds of the audio; every time is moved inside it.
        options: `output_options` decide whether words and the decoder's facts stay.
        model: the model's name in the registry.
        tamlil_version: of this program.
        turns: who speaks when; the speakers' totals are theirs.
        warnings: codes; repeated ones are kept once. ``no_speech`` is added when nothing was said,
            or every segment bears that flag.
        timings: wall seconds by stage.

    Returns:
        The transcript; its `text` is the segments' texts joined by spaces. Directional controls,
        which Whisper has learned from subtitles, are left out.
    """
    placed = tuple(_place(heard.segments, duration, options.output_options))
    spoken = any(Flag.NO_SPEECH not in segment.flags for segment in placed)
    noted = (*warnings, *(() if spoken else (NO_SPEECH,)))
    return Transcript(
        text=" ".join(segment.text for segment in placed if segment.text),
        language=heard.language,
        language_probability=round(heard.language_probability, _PROBABILITY_DIGITS),
        duration=round(duration, _TIME_DIGITS),
        segments=placed,
        engine=options.engine,
        model=model,
        tamlil_version=tamlil_version,
        speakers=speaker_totals(turns),
        turns=tuple(turns),
        warnings=tuple(dict.fromkeys(noted)),
        timings={stage: round(seconds, _TIME_DIGITS) for stage, seconds in (timings or {}).items()},
    )


def _place(
    segments: Sequence[Segment], duration: float, output: OutputOptions
) -> Iterator[Segment]:
    limit = round(duration, _TIME_DIGITS)
    floor = 0.0
    for number, segment in enumerate(segments):
        start = _clamp(segment.start, floor, limit)
        end = _clamp(segment.end, start, limit)
        floor = start
        yield replace(
            segment,
            id=number,
            start=start,
            end=end,
            text=strip_directional_controls(segment.text).strip(),
            words=tuple(_place_words(segment.words, start, end)) if output.word_timestamps else (),
            extra_data=segment.extra_data if output.extra_data else None,
        )


def _place_words(words: Sequence[Word], floor: float, limit: float) -> Iterator[Word]:
    for word in words:
        text = strip_directional_controls(word.word)
        if not text.strip() and text != word.word:
            continue  # the engine wrote a mark and nothing else
        start = _clamp(word.start, floor, limit)
        end = _clamp(word.end, start, limit)
        floor = start
        yield replace(
            word,
            word=text,
            start=start,
            end=end,
            probability=round(word.probability, _PROBABILITY_DIGITS),
        )


def _clamp(value: float, low: float, high: float) -> float:
    """Round to milliseconds, then move between `low` and `high`."""
    return min(max(round(value, _TIME_DIGITS), low), high)
