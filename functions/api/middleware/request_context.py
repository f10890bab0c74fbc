"""The outermost layer: request id, response headers that every answer has, one log line."""

from __future__ import annotations

import logging
import math
import re
import time
import uuid
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.ports.rate_limiter import RateDecision, RateRule

_log = logging.getLogger(__name__)

_SANE_ID = re.compile(r"[A-Za-z0-9._:=-]{1,128}")


def request_id(*given: str) -> str:
    """The first of the given ids that is harmless in logs and headers, else a new one."""
    sane = (name for name in given if _SANE_ID.fullmatch(name))
    return next(sane, None) or f"req_{uuid.uuid4().hex}"


class RequestContext:
    """Gives each request an id, answers HEAD as GET without a body, and logs what happened.

    `own_head`: the application answers HEAD itself, because its bodies are long.
    """

    def __init__(self, app: ASGIApp, *, rate: RateRule, own_head: bool = False) -> None:
        self._app = app
        self._rate = rate
        self._own_head = own_head

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method = scope["method"]
        # A copy, because the server goes on reading its own `method`.
        as_get = method == "HEAD" and not self._own_head
        inner = dict(scope, method="GET" if as_get else method)
        state = inner["state"] = dict(scope.get("state") or {})
        state["request_id"] = request_id(Headers(scope=scope).get("x-request-id", ""))
        state["as_head"] = as_get  # an answer without an end has to know
        status = 0
        started = time.perf_counter()

        async def send_marked(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self._mark(MutableHeaders(scope=message), state)
            elif as_get and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        try:
            await self._app(inner, receive, send_marked)
        finally:
            _log_request(method, inner, status, time.perf_counter() - started)

    def _mark(self, headers: MutableHeaders, state: dict[str, Any]) -> None:
        headers["X-Request-ID"] = state["request_id"]
        headers["X-Content-Type-Options"] = "nosniff"
        headers.setdefault("Cache-Control", "no-store")
        rate: RateDecision | None = state.get("rate")
        if rate is not None:
            rule = self._rate
            policy = f"{rule.limit};w={rule.window_seconds:g};burst={rule.burst}"
            headers["RateLimit-Policy"] = policy
            headers["RateLimit-Limit"] = str(rule.burst)
            headers["RateLimit-Remaining"] = str(max(0, rate.remaining))
            headers["RateLimit-Reset"] = str(math.ceil(rate.reset_after))


def _log_request(method: str, scope: Scope, status: int, seconds: float) -> None:
    """The route's template, not the path or the query: those may hold secrets."""
    state = scope["state"]
    route = getattr(scope.get("route"), "path", "-")
    caller = state.get("caller")
    _log.info(
        "%s %s %d",
        method,
        route,
        status,
        extra={
            "request_id": state["request_id"],
            "method": method,
            "route": route,
            "status": status,
            "ms": round(seconds * 1000, 1),
            "tenant": getattr(caller, "tenant", None),
            "key_id": getattr(caller, "id", None),
        },
    )
