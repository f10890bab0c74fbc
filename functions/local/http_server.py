"""uvicorn in a thread, on a socket that is bound before anything else starts."""

from __future__ import annotations

import errno
import socket
import threading
import time
from typing import Any

import uvicorn

from shared.domain.errors import Unavailable

_START_SECONDS = 15.0
_POLL_SECONDS = 0.02


def bind(host: str, port: int) -> socket.socket:
    """A listening socket's address, taken at once; port 0 takes any free one.

    Raises:
        Unavailable: code ``port_in_use`` or ``address_unusable``; says what to do.
    """
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, proto)
    except OSError as exc:
        raise _unusable(host, port, exc) from exc
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as exc:
        bound.close()
        raise _unusable(host, port, exc) from exc
    return bound


def url_of(bound: socket.socket, host: str) -> str:
    """The URL at which this machine reaches the socket."""
    port = bound.getsockname()[1]
    name = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104 - compared
    return f"http://{f'[{name}]' if ':' in name else name}:{port}"


class HttpServer:
    """An ASGI application on a bound socket. Not to be started twice."""

    def __init__(self, app: Any, bound: socket.socket) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,  # the embedded mode has set logging up; requests are logged by the API
            access_log=False,
            lifespan="on",
            timeout_graceful_shutdown=1,
            server_header=False,
        )
        self._server = uvicorn.Server(config)
        self._bound = bound
        self._thread = threading.Thread(target=self._run, name="tamlil-http", daemon=True)

    def start(self) -> None:
        """Return when the first request can be answered.

        Raises:
            Unavailable: code ``server_not_started``; the log says why.
        """
        self._thread.start()
        deadline = time.monotonic() + _START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise Unavailable(
                    "the HTTP server did not start; see the log",
                    code="server_not_started",
                    retryable=False,
                )
            time.sleep(_POLL_SECONDS)

    def stop(self, timeout: float) -> None:
        """Take no more requests, and wait a little for those under way."""
        self._server.should_exit = True
        self._thread.join(timeout)

    def _run(self) -> None:
        self._server.run(sockets=[self._bound])


def _unusable(host: str, port: int, exc: OSError) -> Unavailable:
    if exc.errno == errno.EADDRINUSE:
        return Unavailable(
            f"port {port} is in use; choose another (--port, TAMLIL_PORT) or end what uses it",
            code="port_in_use",
            retryable=False,
        )
    return Unavailable(
        f"can't listen on {host} port {port}: {exc.strerror or exc}",
        code="address_unusable",
        retryable=False,
    )
