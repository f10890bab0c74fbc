"""Lambda's Runtime API, so that the real runtime client runs a bundle here as it would there.

It hands out one event at a time and takes what the function answers. Not modelled: freezing
between events, the memory limit, extensions, several environments of one function.
"""

from __future__ import annotations

import json
import queue
import threading
import time
import uuid
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

_FUNCTION_ARN = "arn:aws:lambda:eu-central-1:123456789012:function:tamlil"
_TRACE_ID = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0"
_LONGEST_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What came of an event: `body` as the function returned it, or what it says went wrong.

    `at` is when it came (`time.perf_counter`).
    """

    body: Any
    failed: bool
    at: float


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A function's process was ended while it waited for an event."""


class RuntimeApi:
    """Listens on loopback; a context manager. `address` is for ``AWS_LAMBDA_RUNTIME_API``."""

    def __init__(self) -> None:
        self._events: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self._answers: queue.Queue[Answer] = queue.Queue()
        self.ready = threading.Event()
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                """``/invocation/next``: held until there is an event."""
                api.ready.set()
                request_id, event = api._events.get()
                deadline = int((time.time() + _LONGEST_SECONDS) * 1000)
                self._send(
                    200,
                    event,
                    {
                        "Lambda-Runtime-Aws-Request-Id": request_id,
                        "Lambda-Runtime-Deadline-Ms": str(deadline),
                        "Lambda-Runtime-Invoked-Function-Arn": _FUNCTION_ARN,
                        "Lambda-Runtime-Trace-Id": _TRACE_ID,
                        "Content-Type": "application/json",
                    },
                )

            def do_POST(self) -> None:
                """An event's response or error, or that the function could not even be loaded."""
                body = self.rfile.read(int(self.headers["Content-Length"]))
                now = time.perf_counter()
                failed = not self.path.endswith("/response")
                api._answers.put(Answer(body=json.loads(body), failed=failed, at=now))
                self._send(202, b'{"status": "OK"}', {})

            def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
                self.send_response(status)
                for name, value in (*headers.items(), ("Content-Length", str(len(body)))):
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_request(self, code: object = "-", size: object = "-") -> None:
                """The function's own log is enough."""

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True  # one may wait for an event that never comes
        self._server.block_on_close = False
        self.address = f"127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def send(self, event: Any) -> None:
        """Queue an event."""
        self._events.put((str(uuid.uuid4()), json.dumps(event).encode()))

    def answer(self, seconds: float = _LONGEST_SECONDS) -> Answer:
        """Wait for the next answer.

        Raises:
            queue.Empty: none came in time.
        """
        return self._answers.get(timeout=seconds)
