from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from bench.http_load import Target, put_load
from bench.receiver import Receiver


def test_the_receiver_tells_jobs_that_were_told_of_twice() -> None:
    with Receiver() as receiver, httpx.Client() as client:
        for event, job in (("e1", "a"), ("e2", "b"), ("e2", "b"), ("e3", "c"), ("e4", "c")):
            answer = client.post(
                receiver.url, headers={"webhook-id": event}, json={"data": {"job_id": job}}
            )
            assert answer.status_code == 204
        assert receiver.count() == 3
        assert receiver.doubled() == 2


def test_answers_other_than_2xx_are_errors_of_the_load(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    with _every_second_refused() as url:
        result = put_load(Target(url=url, body="{}", token="t"), seconds=0.2)
    assert result.requests > 2
    assert abs(result.errors - result.requests / 2) <= 1
    assert 0 < result.p50 <= result.p99


@contextmanager
def _every_second_refused() -> Iterator[str]:
    lock, seen = threading.Lock(), [0]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            with lock:
                seen[0] += 1
                refused = seen[0] % 2
            self.send_response(429 if refused else 202)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/x"
    finally:
        server.shutdown()
        server.server_close()
