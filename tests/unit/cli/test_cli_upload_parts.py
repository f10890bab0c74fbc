"""The command line sends a large file in parts, and leaves none behind when that fails."""

from __future__ import annotations

import io
from collections.abc import Callable

import httpx
import pytest

from tamlil.upload_parts import send_in_parts

UPLOAD = {
    "method": "POST",
    "url": "http://bucket.test/end",
    "headers": {"If-None-Match": "*"},
    "parts": {
        "part_bytes": 4,
        "urls": [f"http://bucket.test/part{number}" for number in (1, 2, 3)],
        "abort_url": "http://bucket.test/abort",
    },
}


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tamlil.upload_parts.time.sleep", lambda _: None)


class Bucket:
    """Takes parts; `answers` replaces what a path is answered."""

    def __init__(self, **answers: Callable[[], httpx.Response]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, bytes]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/")
        self.asked.append((f"{request.method} {path}", request.read()))
        scripted = self.answers.get(path)
        return scripted() if scripted else httpx.Response(200, headers={"ETag": f'"{path}&"'})

    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]


def send(bucket: Bucket) -> httpx.Response:
    with httpx.Client(transport=httpx.MockTransport(bucket)) as http:
        return send_in_parts(http, UPLOAD, io.BytesIO(b"0123456789"))


def test_each_part_goes_to_its_url_and_the_end_names_their_tags() -> None:
    bucket = Bucket()
    assert send(bucket).is_success
    assert [body for _, body in bucket.asked[:3]] == [b"0123", b"4567", b"89"]
    path, document = bucket.asked[3]
    assert path == "POST end"
    assert b'<Part><PartNumber>1</PartNumber><ETag>"part1&amp;"</ETag></Part>' in document
    assert document.count(b"<Part>") == 3


def test_a_part_that_fails_for_a_while_is_sent_again() -> None:
    answers = iter([httpx.Response(503), httpx.Response(500)])

    def for_a_while() -> httpx.Response:
        return next(answers, None) or httpx.Response(200, headers={"ETag": '"late"'})

    bucket = Bucket(part2=for_a_while)
    assert send(bucket).is_success
    assert bucket.paths().count("PUT part2") == 3


@pytest.mark.parametrize(
    ("where", "status", "body", "shown"),
    [("part2", 403, b"", 403), ("part1", 503, b"", 503), ("end", 412, b"", 412),
     ("end", 200, b"<Error><Code>InternalError</Code></Error>", 500)],
)  # fmt: skip
def test_what_is_refused_is_told_and_what_was_sent_is_given_up(
    where: str, status: int, body: bytes, shown: int
) -> None:
    bucket = Bucket(**{where: lambda: httpx.Response(status, content=body)})
    assert send(bucket).status_code == shown
    assert bucket.paths()[-1] == "DELETE abort"


def test_a_bucket_that_is_gone_is_told_and_what_was_sent_is_given_up() -> None:
    def gone() -> httpx.Response:
        raise httpx.ConnectError("gone")

    bucket = Bucket(part3=gone)
    with pytest.raises(httpx.ConnectError):
        send(bucket)
    assert bucket.paths()[-1] == "DELETE abort"
