"""JSON as RFC 8259 has it: UTF-8, no NaN, no lone surrogates, no bottomless nesting."""

from __future__ import annotations

from email.message import Message
from typing import Any

from fastapi import Request

from functions.schemas.json_text import parse_json
from shared.domain.errors import InvalidRequest


class StrictRequest(Request):
    """A request whose `json` is parsed strictly, once."""

    async def json(self) -> Any:
        """The parsed body.

        Raises:
            InvalidRequest: code ``invalid_json`` or ``unsupported_media_type``.
        """
        if not hasattr(self, "_parsed"):
            require_json(self)
            self._parsed = parse_json(await self.body())
        return self._parsed


def media_type(header: str | None) -> str:
    """``type/subtype`` of a Content-Type header in lower case, empty when there is none."""
    if not header:
        return ""
    message = Message()
    message["content-type"] = header
    return message.get_content_type() if "/" in header else header.strip().lower()


def require_json(request: Request) -> None:
    """Refuse a body that is not declared to be JSON.

    Raises:
        InvalidRequest: code ``unsupported_media_type``.
    """
    declared = media_type(request.headers.get("content-type"))
    if declared != "application/json" and not declared.endswith("+json"):
        raise InvalidRequest(
            "send the body as JSON with Content-Type: application/json",
            code="unsupported_media_type",
            field="Content-Type",
        )
