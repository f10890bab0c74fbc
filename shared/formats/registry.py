"""The registry of formats: every module here named ``*_format`` offers one as `FORMAT`.

Adding a format is adding one file; nothing else names it.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from shared.domain.errors import InvalidRequest
from shared.domain.transcript import Transcript
from shared.formats.base import Format, RenderOptions, has_speakers


def _discover() -> Mapping[str, Format]:
    found: dict[str, Format] = {}
    for info in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if info.name.endswith("_format"):
            module = importlib.import_module(f"{__package__}.{info.name}")
            offered: Format = module.FORMAT
            found[offered.name] = offered
    return MappingProxyType(found)


FORMATS: Mapping[str, Format] = _discover()


def find_format(name: str) -> Format:
    """The format of that name, ready to render.

    Raises:
        InvalidRequest: there is no such format (code ``unsupported_format``).
        UnsupportedOption: what it takes is not installed (code ``format_unavailable``).
    """
    chosen = FORMATS.get(name)
    if chosen is None:
        msg = f"format {name[:20]!r} is not supported; known: {', '.join(sorted(FORMATS))}"
        raise InvalidRequest(msg, code="unsupported_format", field="format")
    chosen.refuse_missing()
    return chosen


def render(transcript: Transcript, format_name: str, options: RenderOptions | None = None) -> bytes:
    """Render the canonical transcript in the named format; text is UTF-8.

    Raises:
        InvalidRequest: there is no such format (code ``unsupported_format``), or it tells speakers
            apart and the transcript does not (``no_speakers``).
        UnsupportedOption: the format can't honour an option, or what it takes is not installed.
    """
    chosen = find_format(format_name)
    options = options or RenderOptions()
    chosen.refuse_unhonoured(options)
    if chosen.of_speakers and transcript.segments and not has_speakers(transcript):
        raise InvalidRequest(
            f"the format {chosen.name!r} is about speakers, and nobody told them apart: submit"
            " with diarize",
            code="no_speakers",
            field="format",
        )
    rendered = chosen.render(transcript, options)
    return rendered.encode() if isinstance(rendered, str) else rendered
