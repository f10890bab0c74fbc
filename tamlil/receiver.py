"""A webhook receiver on loopback, for the demo: it keeps what came in and answers 204."""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


@dataclass(frozen=True, kw_only=True, slots=True)
class ReceivedWebhook:
    """One request: header names in lower case, and the exact body."""

    headers: dict[str, str]
    body: bytes


class WebhookReceiver:
    """Listens on any free port while the block lasts."""

    def __init__(self) -> None:
        self._received: queue.SimpleQueue[ReceivedWebhook] = queue.SimpleQueue()
        received = self._received

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", "0")))
                headers = {name.lower(): value for name, value in self.headers.items()}
                self.send_response(204)
                self.end_headers()
                received.put(ReceivedWebhook(headers=headers, body=body))

            def log_message(self, *_: object) -> None:
                """Keep the screen for the demo."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )

    @property
    def url(self) -> str:
        """Where to send webhooks."""
        return f"http://127.0.0.1:{self._server.server_port}/webhook"

    def wait(self, seconds: float) -> ReceivedWebhook | None:
        """The next webhook; None when none came in time."""
        try:
            return self._received.get(timeout=seconds)
        except queue.Empty:
            return None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(2.0)
