"""A loopback HTTP server for files, with ranges, faults on demand, and a log of what was asked."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class FileServer:
    """Serves `files` by path. `break_after` cuts the next answers after so many bytes."""

    files: dict[str, bytes] = field(default_factory=dict)
    etags: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    break_after: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)
    url: str = ""

    def served(self, path: str) -> int:
        """How often a path was asked for."""
        return sum(asked == path for asked, _ in self.requests)


class _Handler(BaseHTTPRequestHandler):
    """Answers from the `FileServer` that hangs on the server."""

    @property
    def state(self) -> FileServer:
        found: FileServer = self.server.state  # type: ignore[attr-defined]
        return found

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.state.requests.append((self.path, wanted))
        self.state.tokens.append(self.headers.get("Authorization"))
        if self.state.statuses:
            self._finish(self.state.statuses.pop(0), b"")
        elif self.path not in self.state.files:
            self._finish(404, b"")
        else:
            self._send_file(self.state.files[self.path], wanted)

    def _send_file(self, body: bytes, wanted: str | None) -> None:
        etag = self.state.etags.get(self.path, '"one"')
        if wanted is None or self.headers.get("If-Range", etag) != etag:
            self._finish(200, body, etag)
            return
        start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        if start >= len(body):
            self._finish(416, b"")
        else:
            self._finish(206, body[start:], etag)

    def _finish(self, status: int, body: bytes, etag: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "text/html")
        if etag:
            self.send_header("ETag", etag)
        for name, value in self.state.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if status in (200, 206) and self.state.break_after:
            body = body[: self.state.break_after.pop(0)]
            self.close_connection = True
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base's name)
        """Stay quiet."""


@contextmanager
def file_server() -> Iterator[FileServer]:
    """Run a server until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    state = FileServer(url=f"http://127.0.0.1:{server.server_address[1]}")
    server.state = state  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
