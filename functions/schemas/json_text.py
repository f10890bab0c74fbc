"""JSON as RFC 8259 has it: UTF-8, no NaN, no lone surrogates, no bottomless nesting."""

from __future__ import annotations

from typing import Any

from pydantic_core import from_json

from shared.domain.errors import InvalidRequest


def parse_json(body: bytes | str) -> Any:
    """Parse a document.

    Raises:
        InvalidRequest: code ``invalid_json``; says where, not what.
    """
    try:
        return from_json(body, allow_inf_nan=False)
    except ValueError as exc:
        msg = f"not valid JSON (UTF-8): {exc}"
        raise InvalidRequest(msg, code="invalid_json") from exc
