"""Transcripts for tests of formats, and what they look like rendered."""

from __future__ import annotations

from shared.domain.transcript import Segment, Transcript, Word
from shared.formats import RenderOptions, render


def transcript_of(*segments: Segment, duration: float = 1000.0, language: str = "en") -> Transcript:
    return Transcript(
        text="".join(segment.text for segment in segments),
        language=language,
        language_probability=1.0,
        duration=duration,
        segments=segments,
        engine="fake",
        model="fake",
        tamlil_version="0",
    )


def word(text: str, start: float, end: float, speaker: str | None = None) -> Word:
    return Word(word=text, start=start, end=end, probability=1.0, speaker=speaker)


def segment_of(*words: Word) -> Segment:
    text = "".join(word.word for word in words)
    return Segment(id=0, start=words[0].start, end=words[-1].end, text=text, words=words)


def spoken(
    text: str, *, start: float = 0.0, end: float = 2.0, speaker: str | None = None
) -> Segment:
    speakers = (speaker,) if speaker else ()
    return Segment(id=0, start=start, end=end, text=text, speakers=speakers)


def rendered(transcript: Transcript, format_name: str, options: RenderOptions | None = None) -> str:
    """A rendering as text."""
    return render(transcript, format_name, options).decode()
