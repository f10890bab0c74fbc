"""The HTTP API over a real embedded platform, called in the same process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from functions.api.factory import create_app
from shared.domain.api_keys import DEFAULT_SCOPES, Scope
from shared.services.manage_keys import create_key
from tests.support.platform import make_settings
from tests.support.world import World, open_world

AUDIO_URL = "https://media.example.com/a.wav"


class InProcess(httpx.BaseTransport):
    """Runs each request through the application in an event loop of its own."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        return asyncio.run(self._call(request))

    async def _call(self, request: httpx.Request) -> httpx.Response:
        async with httpx.ASGITransport(app=self._app) as transport:
            answer = await transport.handle_async_request(request)
            content = await answer.aread()
        return httpx.Response(answer.status_code, headers=answer.headers, content=content)


@dataclass
class Api:
    """`world` is behind it; `app` may be called as any ASGI application."""

    world: World
    app: FastAPI

    def token(self, *scopes: Scope, tenant: str = "acme") -> str:
        """A fresh key of the tenant."""
        chosen = frozenset(scopes) or DEFAULT_SCOPES
        return create_key(self.world.deployment.platform, tenant=tenant, scopes=chosen).token

    def anonymous(self) -> httpx.Client:
        """A client without a key."""
        return httpx.Client(transport=InProcess(self.app), base_url="http://tamlil.test")

    def client(self, *scopes: Scope, tenant: str = "acme") -> httpx.Client:
        """A client with a fresh key."""
        client = self.anonymous()
        client.headers["X-API-Key"] = self.token(*scopes, tenant=tenant)
        return client


@contextmanager
def open_api(data_dir: Path, **settings: Any) -> Iterator[Api]:
    """The API over `data_dir`."""
    with open_world(data_dir, **settings) as world:
        app = create_app(world.platform, make_settings(data_dir, **settings))
        yield Api(world=world, app=app)


def problem(answer: httpx.Response, status: int, code: str | None = None) -> dict[str, Any]:
    """The problem document of an answer, checked for what every problem has."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["status"] == status
    assert document["request_id"] == answer.headers["x-request-id"]
    assert document["title"]
    assert document["detail"]
    assert document["type"] == f"urn:tamlil:problem:{document['code']}"
    if code is not None:
        assert document["code"] == code, document
    return document


def raw_call(
    app: FastAPI, path: str, *, headers: dict[str, str], body: list[bytes], method: str = "POST"
) -> tuple[int, dict[str, str], Any]:
    """One request as a server would pass it on: the headers may lie, the body comes in pieces."""
    pieces = list(body)
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        if not pieces:
            return {"type": "http.disconnect"}
        piece = pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 50000),
        "server": ("tamlil.test", 80),
    }
    asyncio.run(app(scope, receive, send))
    head = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    content = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], head, json.loads(content)
