"""Downloads from a real loopback server that misbehaves in every way we know."""

from __future__ import annotations

import hashlib
import socket
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpcore
import pytest

from shared.domain.errors import JobFailure, SourceError, Stopped, WorkerError
from shared.webhooks.guarded_download import Downloaded, download
from shared.webhooks.url_guard import NameNotResolved, UrlPolicy, guarded_client
from tests.support.scripted_server import Script, ScriptedServer, response

AUDIO = bytes(range(256)) * 1024
HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"


def loopback(_host: str, _port: int) -> Sequence[str]:
    return ["127.0.0.1"]


def fetch(url: str, target: Path, **options: Any) -> Downloaded:
    limits: dict[str, Any] = {"max_bytes": 1_000_000, "deadline_seconds": 20.0, **options}
    resolver = limits.pop("resolver", loopback)
    timeout = limits.pop("timeout", 5.0)
    policy = UrlPolicy(allow_loopback=True)
    with guarded_client(policy, timeout=timeout, max_redirects=5, resolver=resolver) as client:
        return download(url, target, client=client, **limits)


def fail(
    script: Script, target: Path, path: str = "/a.mp3?sig=secret", **options: Any
) -> JobFailure:
    """Download from a scripted server; return the failure, having checked what all share."""
    with (
        ScriptedServer(script).running() as server,
        pytest.raises(JobFailure) as caught,
    ):
        fetch(server.url("/a.mp3?sig=secret"), target, **options)
    assert "secret" not in caught.value.detail
    assert caught.value.field == "url"
    assert not target.exists()
    return caught.value


def test_a_file_is_saved_with_what_the_server_says_about_it(tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    script: Script = lambda _: [response(AUDIO, Content_Type="audio/mpeg")]  # noqa: E731 - short
    with ScriptedServer(script).running() as server:
        done = fetch(
            server.url("/dir/a%20b.mp3?sig=1"),
            tmp_path / "in",
            on_progress=lambda size, total: seen.append((size, total)),
        )
    assert (tmp_path / "in").read_bytes() == AUDIO
    assert done == Downloaded(
        size_bytes=len(AUDIO),
        content_type="audio/mpeg",
        filename="a b.mp3",
        sha256=hashlib.sha256(AUDIO).hexdigest(),
    )
    assert seen[-1] == (len(AUDIO), len(AUDIO))
    assert [size for size, _ in seen] == sorted(size for size, _ in seen)
    assert "accept-encoding: identity" in server.heads[0].lower()


def test_a_body_without_a_length_is_saved_and_its_total_unknown(tmp_path: Path) -> None:
    seen: list[int | None] = []
    with ScriptedServer(lambda _: [HEAD + b"\r\n", AUDIO]).running() as server:
        done = fetch(
            server.url(), tmp_path / "in", on_progress=lambda _size, total: seen.append(total)
        )
    assert (done.size_bytes, done.filename, set(seen)) == (len(AUDIO), None, {None})


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ('attachment; filename="talk.wav"', "talk.wav"),
        ("attachment; filename*=UTF-8''%D7%A9%D7%99%D7%A8.mp3", "שיר.mp3"),
        ('attachment; filename="../../etc/passwd"', "passwd"),
        ('attachment; filename="..\\\\..\\\\boot.ini"', "boot.ini"),
        ('attachment; filename=".."', None),
        ("attachment; filename*0*=utf-8''a; filename*=1*=b", "a.mp3"),
        ("attachment; filename*=idna'''''", "a.mp3"),
        ("attachment", "a.mp3"),
    ],
)
def test_the_file_name_is_a_bare_name(tmp_path: Path, header: str, expected: str | None) -> None:
    script: Script = lambda _: [response(b"x", Content_Disposition=header)]  # noqa: E731 - short
    with ScriptedServer(script).running() as server:
        assert fetch(server.url("/a.mp3"), tmp_path / "in").filename == expected


def test_an_announced_length_over_the_limit_is_refused_unread(tmp_path: Path) -> None:
    failure = fail(lambda _: [response(AUDIO)], tmp_path / "in", max_bytes=1000)
    assert isinstance(failure, SourceError)
    assert failure.code == "source_too_large"
    assert "1000 bytes" in failure.detail


def endless(_: str) -> Iterator[bytes]:
    yield HEAD + b"\r\n"
    while True:
        yield AUDIO


def test_an_endless_body_ends_at_the_limit_of_counted_bytes(tmp_path: Path) -> None:
    failure = fail(endless, tmp_path / "in")
    assert (type(failure), failure.code) == (SourceError, "source_too_large")


def drip(_: str) -> Iterator[bytes]:
    yield HEAD + b"Content-Length: 100000\r\n\r\n"
    while True:
        yield b"x"
        time.sleep(0.02)


def test_a_body_that_drips_past_the_deadline_fails_and_may_be_retried(tmp_path: Path) -> None:
    began = time.monotonic()
    failure = fail(drip, tmp_path / "in", deadline_seconds=0.5)
    assert time.monotonic() - began < 3
    assert (type(failure), failure.code, failure.retryable) == (WorkerError, "url_too_slow", True)
    assert "0.5 seconds" in failure.detail


@pytest.mark.parametrize(
    "pieces",
    [
        [HEAD + b"Content-Length: 10\r\n\r\n", b"short"],
        [HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"5\r\nshort\r\n"],
    ],
)
def test_a_body_shorter_than_announced_fails_and_may_be_retried(
    tmp_path: Path, pieces: list[bytes]
) -> None:
    failure = fail(lambda _: pieces, tmp_path / "in")
    assert (failure.code, failure.retryable) == ("url_incomplete", True)


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        ("202 Accepted", SourceError, "url_http_error"),
        ("204 No Content", SourceError, "url_http_error"),
        ("304 Not Modified", SourceError, "url_http_error"),
        ("403 Forbidden", SourceError, "url_http_error"),
        ("404 Not Found", SourceError, "url_http_error"),
        ("408 Request Timeout", WorkerError, "url_unavailable"),
        ("429 Too Many Requests", WorkerError, "url_unavailable"),
        ("500 Internal Server Error", WorkerError, "url_unavailable"),
        ("503 Service Unavailable", WorkerError, "url_unavailable"),
    ],
)
def test_an_error_status_is_named_and_only_passing_ones_are_retried(
    tmp_path: Path, status: str, kind: type[JobFailure], code: str
) -> None:
    failure = fail(lambda _: [response(b"no", status=status)], tmp_path / "in")
    assert (type(failure), failure.code) == (kind, code)
    assert status[:3] in failure.detail
    assert "/a.mp3" in failure.detail


@pytest.mark.parametrize("content_range", ["bytes 0-262143/999999", ""])
def test_a_part_of_a_file_is_not_taken_for_the_whole(tmp_path: Path, content_range: str) -> None:
    """A cache that answers a plain GET from a range it holds would cut the recording short."""
    answer = response(AUDIO, status="206 Partial Content", Content_Range=content_range)
    failure = fail(lambda _: [answer], tmp_path / "in")
    assert (type(failure), failure.code) == (SourceError, "url_http_error")
    assert "206: a part of the file" in failure.detail


def test_a_file_that_a_proxy_has_passed_on_is_taken(tmp_path: Path) -> None:
    script: Script = lambda _: [response(AUDIO, status="203 Non-Authoritative Information")]  # noqa: E731 - short
    with ScriptedServer(script).running() as server:
        assert fetch(server.url(), tmp_path / "in").size_bytes == len(AUDIO)


def test_an_empty_body_is_the_callers_fault(tmp_path: Path) -> None:
    failure = fail(lambda _: [response(b"")], tmp_path / "in")
    assert (type(failure), failure.code) == (SourceError, "empty_file")


def test_a_compressed_body_is_refused_rather_than_unpacked(tmp_path: Path) -> None:
    failure = fail(lambda _: [response(b"x", Content_Encoding="gzip")], tmp_path / "in")
    assert (type(failure), failure.code) == (SourceError, "url_encoded")


def test_an_answer_that_is_not_http_is_retried(tmp_path: Path) -> None:
    failure = fail(lambda _: [b"SSH-2.0-OpenSSH\r\n\r\n"], tmp_path / "in")
    assert (failure.code, failure.retryable) == ("url_unreachable", True)


def test_too_many_redirects_are_the_callers_fault(tmp_path: Path) -> None:
    script: Script = lambda _: [response(status="302 Found", Location="/?sig=secret")]  # noqa: E731
    failure = fail(script, tmp_path / "in")
    assert (type(failure), failure.code) == (SourceError, "url_redirects")
    assert "5 times" in failure.detail


@pytest.mark.parametrize(
    "location", ["http://10.0.0.1/?sig=secret", "file:///etc/passwd", "http://xn--a/"]
)
def test_a_redirect_to_a_refused_place_is_the_callers_fault(tmp_path: Path, location: str) -> None:
    failure = fail(lambda _: [response(status="302 Found", Location=location)], tmp_path / "in")
    assert (type(failure), failure.code) == (SourceError, "url_refused")


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1/", "ftp://a.example/", "http://a:secret@b.example/", "http://[v1.a]/"]
)
def test_a_refused_url_is_the_callers_fault(tmp_path: Path, url: str) -> None:
    with pytest.raises(SourceError) as caught:
        fetch(url, tmp_path / "in")
    assert caught.value.code == "url_refused"
    assert "secret" not in caught.value.detail


def test_a_server_that_stalls_is_retried(tmp_path: Path) -> None:
    def stall(_: str) -> Iterator[bytes]:
        for _number in range(100):
            time.sleep(0.02)
            yield b""

    failure = fail(stall, tmp_path / "in", timeout=0.3)
    assert (failure.code, failure.retryable) == ("url_unreachable", True)


def test_nobody_listening_is_retried(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(WorkerError) as caught:
        fetch(f"http://127.0.0.1:{port}/a.mp3?sig=secret", tmp_path / "in")
    assert caught.value.code == "url_unreachable"
    assert "secret" not in caught.value.detail


def test_an_unknown_name_is_the_callers_fault_a_silent_name_server_is_not(tmp_path: Path) -> None:
    def unknown(_host: str, _port: int) -> Sequence[str]:
        raise NameNotResolved("scripted")

    def silent(_host: str, _port: int) -> Sequence[str]:
        raise httpcore.ConnectError("scripted")

    with pytest.raises(SourceError) as caught:
        fetch("http://a.example/?sig=secret", tmp_path / "in", resolver=unknown)
    assert caught.value.code == "url_unresolvable"
    with pytest.raises(WorkerError) as retried:
        fetch("http://a.example/", tmp_path / "in", resolver=silent)
    assert retried.value.code == "url_unreachable"


def test_a_stop_ends_the_download_and_removes_what_came(tmp_path: Path) -> None:
    target = tmp_path / "in"
    with ScriptedServer(drip).running() as server, pytest.raises(Stopped):
        fetch(server.url(), target, should_stop=lambda: bool(server.heads))
    assert not target.exists()
