"""The canonical transcript itself, as one line of JSON in UTF-8."""

from __future__ import annotations

import json

from shared.domain.codec import to_document
from shared.domain.transcript import Transcript
from shared.formats.base import Format, RenderOptions


def render_json(transcript: Transcript, _options: RenderOptions) -> str:
    """Every field, speakers and word times included; letters are not escaped."""
    return json.dumps(to_document(transcript), ensure_ascii=False, allow_nan=False) + "\n"


FORMAT = Format(name="json", media_type="application/json", extension="json", render=render_json)
