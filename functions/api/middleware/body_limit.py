"""A bound on what is read of a body, whatever Content-Length says or leaves out."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from functions.api.errors import error_response
from shared.domain.errors import LimitExceeded


class BodyLimit:
    """Refuses an announced size at once, and counts what arrives.

    `by_path` holds paths with a limit of their own (bytes).
    """

    def __init__(self, app: ASGIApp, *, limit: int, by_path: Mapping[str, int]) -> None:
        self._app = app
        self._limit = limit
        self._by_path = by_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._by_path.get(scope["path"], self._limit)
        announced = Headers(scope=scope).get("content-length", "")
        if announced.isascii() and announced.isdigit() and _over(announced, limit):
            answer = error_response(Request(scope), _too_large(limit))
            await answer(scope, receive, send)
            return
        received = 0

        async def receive_counted() -> Message:
            nonlocal received
            message = await receive()
            if message["type"] == "http.request":
                received += len(message.get("body", b""))
                if received > limit:
                    raise _too_large(limit)
            return message

        await self._app(scope, receive_counted, send)


def _over(digits: str, limit: int) -> bool:
    """Compare by length first: Python refuses to read a number of thousands of digits."""
    digits = digits.lstrip("0")
    return len(digits) > len(str(limit)) or int(digits or "0") > limit


def _too_large(limit: int) -> LimitExceeded:
    return LimitExceeded(
        f"the body is larger than {limit} bytes; send large audio through POST /api/v1/uploads",
        code="payload_too_large",
    )
