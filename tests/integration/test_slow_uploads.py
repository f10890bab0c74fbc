"""Clients that send slowly keep nobody else from being served."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from tests.support.embedded import Running, running_server

#: More than the threads that a server has for all its short requests.
MANY = 50


@contextmanager
def begun_upload(running: Running) -> Iterator[socket.socket]:
    """A signed PUT of which the first bytes have been sent, and no more."""
    created = running.http.post("/api/v1/uploads", json={"size_bytes": 1000}).json()
    url = httpx.URL(created["url"])
    with socket.create_connection((url.host, url.port or 80), timeout=20) as connection:
        head = b"PUT %b HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n" % url.raw_path
        connection.sendall(head + b"begun")
        yield connection


def test_many_begun_uploads_leave_the_api_answering(tmp_path: Path) -> None:
    with running_server(tmp_path / "data") as running, ExitStack() as uploads:
        for _ in range(MANY):
            uploads.enter_context(begun_upload(running))
        time.sleep(0.2)
        assert running.http.get("/api/v1/jobs", timeout=10).status_code == 200


def test_a_client_that_falls_silent_is_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("functions.local.blob_routes._SILENCE_SECONDS", 0.2)
    with running_server(tmp_path / "data") as running, begun_upload(running) as connection:
        answer = b""
        while b"}" not in answer and (piece := connection.recv(65_536)):
            answer += piece
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"upload_too_slow" in answer
        blobs = tmp_path / "data" / "blobs"
        assert [path for path in blobs.rglob("*") if path.is_file()] == []


def test_a_client_that_hangs_up_is_no_fault_of_ours(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with running_server(tmp_path / "data") as running:
        with begun_upload(running) as connection:
            time.sleep(0.2)
            connection.close()
        time.sleep(0.5)
        assert running.http.get("/api/v1/jobs").status_code == 200
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
