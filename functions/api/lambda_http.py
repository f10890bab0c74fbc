"""The API behind API Gateway (HTTP API, payload version 2.0), one request an invocation."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from fastapi import FastAPI
from mangum import Mangum

from functions.api.middleware.request_context import request_id
from functions.observability.emit import MetricsLog
from functions.observability.logs import in_hand
from functions.observability.metrics import API_LATENCY, API_REQUESTS
from shared.domain.errors import InvalidRequest

#: What Lambda takes of an answer as JSON, but for what it puts around it.
_MOST_BYTES = 6 * 1024 * 1024 - 8192
#: Below this no escape makes it too large: a byte becomes six at most (a control character).
_SURELY_SMALL = _MOST_BYTES // 6
_DEFAULT_STAGE = "$default"


class LambdaApi:
    """Calls the application for one event after another, in an event loop of its own."""

    def __init__(self, app: FastAPI, *, metrics: MetricsLog) -> None:
        self._loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self._loop)  # the adapter takes whatever loop is the thread's
        # Its start-up and shut-down events don't belong to one request, and nothing waits for them.
        self._mangum = Mangum(app, lifespan="off")
        self._metrics = metrics

    def handle(self, event: Mapping[str, Any], context: Any = None) -> dict[str, Any]:
        """Answer one request.

        Raises:
            InvalidRequest: not an event of an HTTP API in payload version 2.0.
        """
        request = prepared(event)
        named = request["headers"]["x-request-id"]
        asyncio.set_event_loop(self._loop)
        started = time.perf_counter()
        with in_hand(request_id=named):
            answer = carried(self._mangum(request, context), named)
        self._count(request, answer["statusCode"], time.perf_counter() - started)
        return answer

    def close(self) -> None:
        """Release the event loop; of no use afterwards."""
        self._loop.close()

    def _count(self, request: Mapping[str, Any], status: int, seconds: float) -> None:
        self._metrics.add(API_REQUESTS, dimensions={"status_class": f"{status // 100}xx"})
        if "wait" not in parse_qs(request.get("rawQueryString", "")):
            self._metrics.add(API_LATENCY, seconds * 1000)


def prepared(event: Mapping[str, Any]) -> dict[str, Any]:
    """The event as the application is to see it: without the stage's name, with a request id.

    The id is the caller's if it is harmless, else API Gateway's, which its access log names too:
    the one that the application takes over, so that all that is told of a request names one.

    Raises:
        InvalidRequest: not an event of an HTTP API in payload version 2.0.
    """
    context = event.get("requestContext")
    if event.get("version") != "2.0" or not isinstance(context, Mapping) or "http" not in context:
        msg = "not a request of an HTTP API with payload version 2.0"
        raise InvalidRequest(msg, code="invalid_message")
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    own = str(context.get("requestId", ""))
    headers["x-request-id"] = request_id(headers.get("x-request-id", ""), own)
    path = _without_stage(str(context["http"]["path"]), str(context.get("stage", _DEFAULT_STAGE)))
    http = {**context["http"], "path": path}
    return {
        **event,
        "rawPath": path,
        "headers": headers,
        "requestContext": {**context, "http": http},
    }


def _without_stage(path: str, stage: str) -> str:
    """A stage with a name is the first segment of each path; the default one is not."""
    prefix = f"/{stage}"
    if stage == _DEFAULT_STAGE or not f"{path}/".startswith(f"{prefix}/"):
        return path
    return path.removeprefix(prefix) or "/"


def carried(answer: dict[str, Any], named: str) -> dict[str, Any]:
    """The answer, or a problem in its place when Lambda would not carry it and answer 502.

    `named` is the request's id.
    """
    body = str(answer.get("body") or "")
    if len(body) <= _SURELY_SMALL or _size(answer) <= _MOST_BYTES:
        return answer
    problem = {
        "type": "urn:tamlil:problem:answer_too_large",
        "title": "Unprocessable Content",
        "status": 422,
        "detail": "the answer is larger than the 6 MB that AWS Lambda carries; ask for less,"
        " with a smaller limit",
        "code": "answer_too_large",
        "request_id": named,
    }
    kept = {name: answer["headers"][name] for name in _KEPT & answer["headers"].keys()}
    return {
        "statusCode": 422,
        "headers": {**kept, "content-type": "application/problem+json"},
        "body": json.dumps(problem),
        "isBase64Encoded": False,
    }


_KEPT = frozenset(
    {
        "access-control-allow-origin",
        "access-control-expose-headers",
        "cache-control",
        "vary",
        "x-content-type-options",
        "x-request-id",
    }
)


def _size(answer: Mapping[str, Any]) -> int:
    return len(json.dumps(answer, ensure_ascii=False).encode())
