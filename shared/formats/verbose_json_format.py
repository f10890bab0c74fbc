"""The shape of OpenAI's ``verbose_json``, for clients that are written against it.

What is not known is left out, not made up: the decoder's figures when the job kept no extra data,
`words` when it kept none. `seek` is the segment's start in hundredths of a second, Whisper's unit;
`tokens` is empty, for the tokens' numbers are not kept. Speakers have no place in it.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

from shared.domain.transcript import Segment, Transcript
from shared.formats.base import Format, RenderOptions
from shared.formats.language_names import LANGUAGE_NAMES


def render_verbose_json(transcript: Transcript, options: RenderOptions) -> str:
    """Times are seconds; `language` is its English name, as OpenAI has it."""
    document: dict[str, Any] = {
        "task": options.about.task,
        "language": LANGUAGE_NAMES.get(transcript.language, transcript.language),
        "duration": transcript.duration,
        "text": transcript.text.strip(),
    }
    words = [
        {"word": word.word.strip(), "start": word.start, "end": word.end}
        for segment in transcript.segments
        for word in segment.words
        if word.word.strip()
    ]
    if words:
        document["words"] = words
    document["segments"] = [_segment(segment) for segment in transcript.segments]
    return json.dumps(document, ensure_ascii=False, allow_nan=False) + "\n"


def _segment(segment: Segment) -> dict[str, Any]:
    facts = asdict(segment.extra_data) if segment.extra_data else {}
    return {
        "id": segment.id,
        "seek": math.floor(segment.start * 100),
        "start": segment.start,
        "end": segment.end,
        "text": segment.text,
        "tokens": [],
        **facts,
    }


FORMAT = Format(
    name="verbose_json",
    media_type="application/json",
    extension="verbose.json",
    render=render_verbose_json,
)
