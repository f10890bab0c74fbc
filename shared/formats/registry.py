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
from shared.formats.base import Format, RenderOptions


def _discover() -> Mapping[str, Format]:
    found: dict[str, Format] = {}
    for info in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if info.name.endswith("_format"):
            module = importlib.import_module(f"{__package__}.{info.name}")
            offered: Format = module.FORMAT
            found[offered.name] = offered
    return MappingProxyType(found)


FORMATS: Mapping[str, Format] = _discover()


def render(transcript: Transcript, format_name: str, options: RenderOptions | None = None) -> str:
    """Render the canonical transcript in the named format.

    Raises:
        InvalidRequest: there is no such format (code ``unsupported_format``).
        UnsupportedOption: the format can't honour an option.
    """
    chosen = FORMATS.get(format_name)
    if chosen is None:
        msg = f"format {format_name[:20]!r} is not supported; known: {', '.join(sorted(FORMATS))}"
        raise InvalidRequest(msg, code="unsupported_format", field="format")
    options = options or RenderOptions()
    chosen.refuse_unhonoured(options)
    return chosen.render(transcript, options)
