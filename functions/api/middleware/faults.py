"""The net under everything: a fault is logged with its trace and answered without it."""

from __future__ import annotations

import logging

from fastapi import Request
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from functions.api.errors import fault_response, problem

_log = logging.getLogger(__name__)


class Faults:
    """Sits inside CORS, so that a browser may read the answer too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_noted(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        request = Request(scope)
        try:
            await self._app(scope, receive, send_noted)
        except ClientDisconnect:
            # Nobody reads it; without an answer the server would log a fault that is none.
            gone = problem(request, 400, code="client_disconnected", detail="the body was cut off")
            await gone(scope, receive, send)
        except Exception:
            _log.exception("fault", extra={"request_id": scope["state"]["request_id"]})
            if started:
                raise  # half an answer can't be mended; the server cuts the connection
            await fault_response(request)(scope, receive, send)
