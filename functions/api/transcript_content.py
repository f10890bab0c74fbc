"""What the OpenAPI document says of rendered transcripts: one example a format.

The examples are rendered, so they can't differ from what is answered.
"""

from __future__ import annotations

import json
from typing import Any

from shared.domain.transcript import ExtraData, Segment, SpeakerTotal, Transcript, Word
from shared.formats import FORMATS, About, Format, RenderOptions

_FACTS = ExtraData(avg_logprob=-0.21, compression_ratio=1.1, no_speech_prob=0.01, temperature=0.0)
_ABOUT = About(title="interview")


def describe_content() -> dict[str, Any]:
    """The `content` of the answer, by media type."""
    content: dict[str, Any] = {}
    for form in FORMATS.values():
        described = content.setdefault(form.media_type, {"schema": _schema(form)})
        if not form.binary:
            described.setdefault("examples", {})[form.name] = {"value": _example(form)}
    return content


def _schema(form: Format) -> dict[str, Any]:
    if form.media_type == "application/json":
        canonical = {"$ref": "#/components/schemas/TranscriptOut"}
        return {"anyOf": [canonical, {"type": "object", "title": "verbose_json"}]}
    return {"type": "string"} | ({"format": "binary"} if form.binary else {})


def _example(form: Format) -> Any:
    rendered = form.render(_transcript(), RenderOptions(about=_ABOUT))
    return json.loads(rendered) if form.media_type == "application/json" else rendered


def _transcript() -> Transcript:
    segments = (
        _segment(0, "SPEAKER_00", [("Which", 0.5, 0.8), ("budget?", 0.8, 1.4)]),
        _segment(1, "SPEAKER_01", [("The", 1.9, 2.1), ("old", 2.1, 2.4), ("one.", 2.4, 2.9)]),
    )
    return Transcript(
        text=" ".join(segment.text for segment in segments),
        language="en",
        language_probability=0.99,
        duration=3.4,
        segments=segments,
        engine="faster-whisper",
        model="base",
        tamlil_version="0.1.0",
        speakers=(
            SpeakerTotal(label="SPEAKER_00", seconds=0.9),
            SpeakerTotal(label="SPEAKER_01", seconds=1.0),
        ),
        timings={"transcribing": 0.8},
    )


def _segment(number: int, speaker: str, words: list[tuple[str, float, float]]) -> Segment:
    return Segment(
        id=number,
        start=words[0][1],
        end=words[-1][2],
        text=" ".join(word for word, _, _ in words),
        speakers=(speaker,),
        words=tuple(
            Word(word=f" {word}", start=start, end=end, probability=0.97, speaker=speaker)
            for word, start, end in words
        ),
        extra_data=_FACTS,
    )
