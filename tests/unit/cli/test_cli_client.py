from __future__ import annotations

import json
import mimetypes
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from shared.domain.errors import InvalidRequest
from tamlil.client import ApiClient, ServerError

Handler = Callable[[httpx.Request], httpx.Response]


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    return waits


def make_client(handler: Handler) -> ApiClient:
    return ApiClient("http://tamlil.test/", "the-key", transport=httpx.MockTransport(handler))


def test_every_request_shows_the_key() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        assert request.headers["x-api-key"] == "the-key"
        assert str(request.url) == "http://tamlil.test/api/v1/jobs?limit=5"
        return httpx.Response(200, json={"jobs": []})

    with make_client(handler) as client:
        assert client.get("/api/v1/jobs", limit=5, status=None) == {"jobs": []}


def test_a_problem_document_becomes_an_error_with_its_code() -> None:
    problem = {"detail": "no job 'x'", "code": "job_not_found"}
    with (
        make_client(lambda _: httpx.Response(404, json=problem)) as client,
        pytest.raises(ServerError) as caught,
    ):
        client.get("/api/v1/jobs/x")
    assert (caught.value.code, caught.value.detail) == ("job_not_found", "no job 'x'")


def test_an_answer_that_is_no_problem_document_is_told_by_its_status() -> None:
    with (
        make_client(lambda _: httpx.Response(500, text="<html>oops")) as client,
        pytest.raises(ServerError) as caught,
    ):
        client.get("/")
    assert caught.value.code == "http_500"


def test_a_busy_server_is_asked_again_when_it_says(no_waiting: list[float]) -> None:
    answers = [
        httpx.Response(429, headers={"Retry-After": "7"}),
        httpx.Response(503),
        httpx.Response(200, json={"ok": 1}),
    ]
    with make_client(lambda _: answers.pop(0)) as client:
        assert client.get("/") == {"ok": 1}
    assert no_waiting == [7.0, 1.0]


def test_a_server_that_stays_busy_is_given_up() -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(503, json={"detail": "later", "code": "unavailable"})

    with make_client(handler) as client, pytest.raises(ServerError, match="later"):
        client.get("/")
    assert len(seen) == 4


def test_a_server_that_is_not_there_is_told_at_once() -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        raise httpx.ConnectError("Connection refused")

    with make_client(handler) as client, pytest.raises(ServerError) as caught:
        client.get("/")
    assert caught.value.code == "server_unreachable"
    assert len(seen) == 1


def test_all_tries_of_a_submit_carry_one_idempotency_key() -> None:
    keys: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        keys.append(request.headers["idempotency-key"])
        if len(keys) == 1:
            raise httpx.ReadError("connection lost")
        return httpx.Response(202, json={"job_id": "job_1", "status": "pending"})

    with make_client(handler) as client:
        client.submit_url("https://example.com/a.mp3", {"diarize": True})
    assert len(keys) == 2
    assert len(set(keys)) == 1


def test_a_post_that_may_not_be_repeated_is_sent_once() -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        raise httpx.ReadError("connection lost")

    with make_client(handler) as client, pytest.raises(ServerError):
        client.post("/api/v1/keys", {"name": "x"})
    assert len(seen) == 1


def test_a_post_that_the_server_put_off_is_sent_again() -> None:
    answers = [httpx.Response(429), httpx.Response(503), httpx.Response(201, json={"id": "k"})]
    with make_client(lambda _: answers.pop(0)) as client:
        assert client.post("/api/v1/keys", {"name": "x"}) == {"id": "k"}


def test_a_post_whose_fate_is_unknown_is_not_sent_again() -> None:
    with (
        make_client(lambda _: httpx.Response(502)) as client,
        pytest.raises(ServerError) as caught,
    ):
        client.post("/api/v1/keys", {"name": "x"})
    assert caught.value.code == "http_502"


class Bucket:
    """A server whose signed uploads go to another host."""

    def __init__(self, *, method: str, fields: dict[str, str]) -> None:
        self.signed = {"upload_id": "upl_1", "method": method, "fields": fields}
        self.signed |= {"url": "http://bucket.test/x?signature=1", "headers": {"X-Signed": "yes"}}
        self.upload: httpx.Request | None = None
        self.submitted: dict[str, object] = {}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.host == "bucket.test":
            request.read()
            self.upload = request
            return httpx.Response(200)
        if request.url.path == "/api/v1/uploads":
            return httpx.Response(200, json=self.signed)
        self.submitted = json.loads(request.content)
        return httpx.Response(202, json={"job_id": "job_1", "status": "pending"})


@pytest.fixture
def audio(tmp_path: Path) -> Path:
    path = tmp_path / "call.wav"
    path.write_bytes(b"the audio")
    return path


def test_a_file_goes_through_a_signed_put_without_the_key(audio: Path) -> None:
    bucket = Bucket(method="PUT", fields={})
    with make_client(bucket) as client:
        client.submit_file(audio, {"language": "he"})
    assert bucket.upload is not None
    assert bucket.upload.content == b"the audio"
    assert bucket.upload.headers["content-length"] == "9"
    assert bucket.upload.headers["x-signed"] == "yes"
    assert "x-api-key" not in bucket.upload.headers
    assert bucket.submitted == {"upload_id": "upl_1", "filename": "call.wav", "language": "he"}


def test_a_form_upload_carries_the_signed_fields(audio: Path) -> None:
    bucket = Bucket(method="POST", fields={"policy": "p-1"})
    with make_client(bucket) as client:
        client.submit_file(audio, {})
    assert bucket.upload is not None
    assert b"p-1" in bucket.upload.content
    assert b"the audio" in bucket.upload.content


def test_a_large_transcript_is_fetched_from_its_signed_url_without_the_key() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.host == "bucket.test":
            assert "x-api-key" not in request.headers
            return httpx.Response(200, text="the transcript")
        return httpx.Response(303, headers={"Location": "http://bucket.test/t"})

    with make_client(handler) as client:
        assert client.text("/api/v1/jobs/job_1/transcript", format="json") == "the transcript"


@pytest.mark.parametrize(
    ("name", "told"),
    [("a.mp3", "audio/mpeg"), ("a.mp4", "video/mp4"), ("a.ts", None), ("a.txt", None), ("a", None)],
)
def test_a_file_is_announced_as_audio_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, told: str | None
) -> None:
    """What a name says of a file's type is only handed on where it can be right."""
    monkeypatch.setitem(mimetypes.types_map, ".ts", "text/vnd.trolltech.linguist")
    announced: list[dict[str, object]] = []

    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/api/v1/uploads":
            announced.append(json.loads(request.content))
            upload = {"upload_id": "upl_1", "method": "PUT", "url": "http://tamlil.test/put"}
            return httpx.Response(200, json={**upload, "fields": {}, "headers": {}})
        return httpx.Response(200, json={"job_id": "job_1"})

    (tmp_path / name).write_bytes(b"audio")
    with make_client(handler) as client:
        assert client.submit_file(tmp_path / name, {}) == {"job_id": "job_1"}
    assert announced[0].get("content_type") == told


def test_an_empty_file_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    (tmp_path / "a.mp3").touch()
    with (
        make_client(lambda _: pytest.fail("nothing is to be sent")) as client,
        pytest.raises(InvalidRequest, match="empty") as caught,
    ):
        client.submit_file(tmp_path / "a.mp3", {})
    assert caught.value.code == "empty_file"
