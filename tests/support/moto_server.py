"""moto behind a socket of the loopback interface: one server a test process, started when needed.

Requests are answered one at a time, because moto itself is not safe between threads: on AWS a
conditional write or a transaction is atomic, and so it is here. What moto does not model: indexes
that lag behind, throttling, transactions that conflict, limits of requests a second, roles.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

_Environ = dict[str, Any]
_StartResponse = Callable[..., Any]


class MotoServer:
    """``http://127.0.0.1:<port>``, in a daemon thread; `away` makes it answer nothing but 503."""

    def __init__(self) -> None:
        from moto.moto_server.werkzeug_app import (
            DomainDispatcherApplication,
            MotoRequestHandler,
            create_backend_app,
        )
        from werkzeug.serving import make_server

        class Handler(MotoRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_request(self, *_: object, **__: object) -> None:
                """Tests have nothing to read there."""

        self.away = False
        self._lock = threading.Lock()
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._server = make_server(
            "127.0.0.1", 0, self._answer, threaded=True, request_handler=Handler
        )
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True, name="moto").start()

    def _answer(self, environ: _Environ, start_response: _StartResponse) -> Iterable[bytes]:
        if self.away:
            start_response("503 Service Unavailable", [("Content-Length", "0")])
            return []
        with self._lock:
            answer: Iterable[bytes] = self._moto(environ, start_response)
            return answer


@cache
def moto_server() -> MotoServer:
    """The one of this process."""
    return MotoServer()
