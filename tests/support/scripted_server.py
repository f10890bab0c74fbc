"""A real loopback server and a name server that say exactly what a test scripts."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence

#: The request's head (start line and headers) to the bytes to send, piece by piece.
Script = Callable[[str], Iterable[bytes]]


class ScriptedServer:
    """Answers one request a connection, then closes it; `heads` lists what was asked."""

    def __init__(self, script: Script, ssl_context: ssl.SSLContext | None = None) -> None:
        self._script = script
        self._ssl_context = ssl_context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.02)  # how often the end is looked for
        self.port: int = self._listener.getsockname()[1]
        self.heads: list[str] = []
        self.closing = threading.Event()
        self._threads: list[threading.Thread] = []

    def url(self, path: str = "/", *, host: str = "127.0.0.1", scheme: str = "http") -> str:
        """An address of this server, under any name."""
        return f"{scheme}://{host}:{self.port}{path}"

    @contextlib.contextmanager
    def running(self) -> Iterator[ScriptedServer]:
        """Serve until the block ends."""
        acceptor = threading.Thread(target=self._accept)
        acceptor.start()
        try:
            yield self
        finally:
            self.closing.set()
            acceptor.join()
            self._listener.close()
            for thread in self._threads:
                thread.join()

    def _accept(self) -> None:
        while not self.closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            thread = threading.Thread(target=self._answer, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _answer(self, plain: socket.socket) -> None:
        # A client that has seen enough hangs up; that is no fault of the server.
        with plain, contextlib.suppress(OSError):
            connection = plain
            if self._ssl_context is not None:
                connection = self._ssl_context.wrap_socket(plain, server_side=True)
            with connection:
                head = b""
                while b"\r\n\r\n" not in head:
                    received = connection.recv(65_536)
                    if not received:
                        return
                    head += received
                text = head.split(b"\r\n\r\n")[0].decode("latin-1")
                self.heads.append(text)
                for piece in self._script(text):
                    if self.closing.is_set():
                        return
                    connection.sendall(piece)


def response(body: bytes = b"", *, status: str = "200 OK", **headers: str) -> bytes:
    """A whole well-formed answer; header names are written with ``_`` for ``-``."""
    named = {"Content-Length": str(len(body)), "Connection": "close"}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in named.items() if value)
    return f"HTTP/1.1 {status}\r\n{lines}\r\n".encode() + body


class ScriptedResolver:
    """Gives one scripted answer a question, the last one for ever; `asked` lists the names."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
