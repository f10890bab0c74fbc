"""What pydantic refuses, in plain words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_LONGEST_FIELD = 100


def described(found: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Pydantic's errors as field and message, without what was sent."""
    return [
        {"field": _field(error["loc"]), "message": error["msg"].removeprefix("Value error, ")}
        for error in found
    ]


def _field(loc: Sequence[int | str]) -> str:
    """``("body", "metadata", "k")`` as ``metadata.k``; the body as a whole is ``body``."""
    inner = loc[1:] if len(loc) > 1 and loc[0] in ("body", "query", "path", "header") else loc
    return ".".join(str(part) for part in inner)[:_LONGEST_FIELD]
