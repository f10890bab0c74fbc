"""URLs that lead nowhere good, through the HTTP API and a real worker process."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.support.embedded import Running, running_server
from tests.support.scripted_server import Script, ScriptedServer, response

_MOST_BYTES = 100_000
_HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_server(
        tmp_path_factory.mktemp("server") / "data",
        max_source_bytes=_MOST_BYTES,
        fetch_seconds=1.0,
    ) as found:
        yield found


def _endless(_: str) -> Iterator[bytes]:
    yield _HEAD + b"\r\n"
    while True:
        yield bytes(10_000)


def _dripping(_: str) -> Iterator[bytes]:
    yield _HEAD + b"\r\n"
    while True:
        yield b"x"
        time.sleep(0.02)


def _shorter_than_it_says(_: str) -> list[bytes]:
    return [_HEAD + b"Content-Length: 10\r\n\r\nshort"]


def _larger_than_the_limit(_: str) -> list[bytes]:
    return [response(bytes(_MOST_BYTES + 1))]


def _to_a_private_address(_: str) -> list[bytes]:
    return [response(status="302 Found", Location="http://10.0.0.1/?sig=secret")]


def _to_the_metadata_service(_: str) -> list[bytes]:
    return [response(status="307 Temporary Redirect", Location="http://169.254.169.254/latest")]


def _round_and_round(_: str) -> list[bytes]:
    return [response(status="302 Found", Location="/again?sig=secret")]


def _gone(_: str) -> list[bytes]:
    return [response(b"no such file", status="404 Not Found")]


def _empty(_: str) -> list[bytes]:
    return [response(b"")]


@pytest.mark.parametrize(
    ("script", "code", "says", "attempts"),
    [
        (_endless, "source_too_large", f"{_MOST_BYTES} bytes", 1),
        (_larger_than_the_limit, "source_too_large", f"{_MOST_BYTES} bytes", 1),
        (_to_a_private_address, "url_refused", "private", 1),
        (_to_the_metadata_service, "url_refused", "not allowed", 1),
        (_round_and_round, "url_redirects", "5 times", 1),
        (_gone, "url_http_error", "404", 1),
        (_empty, "empty_file", "empty", 1),
        (_shorter_than_it_says, "url_incomplete", "announced 10 bytes", 3),
        (_dripping, "url_too_slow", "1 seconds", 3),
    ],
)
def test_a_bad_url_fails_the_job_with_its_reason_after_as_many_tries_as_make_sense(
    running: Running, script: Script, code: str, says: str, attempts: int
) -> None:
    with ScriptedServer(script).running() as server:
        job = running.finished(running.submit_url(server.url("/a.mp3?sig=secret")))
    assert job["status"] == "failed"
    assert job["error"]["code"] == code
    assert says in job["error"]["detail"]
    assert "secret" not in str(job)
    assert job["attempt"] == attempts
