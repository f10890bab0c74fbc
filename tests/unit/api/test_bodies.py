from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.api import AUDIO_URL, Api, open_api, problem, raw_call

SUBMIT = "/api/v1/transcribe"
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"url": NaN}',
        b'{"beam_size": Infinity}',
        b"\xff\xfe{}",
        b'{"recording_id": "\xff"}',
        b'{"recording_id": "\\ud800"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"priority": ' + b"9" * 100_000 + b"}",
        b"\x00",
        b"\xef\xbb\xbf{}",
    ],
)
def test_what_is_not_json_is_refused(asking: httpx.Client, body: bytes) -> None:
    problem(asking.post(SUBMIT, content=body, headers=JSON), 400, "invalid_json")


@pytest.mark.parametrize("body", [b"[]", b"null", b"1", b'"text"', b""])
def test_json_that_is_no_object_is_refused(asking: httpx.Client, body: bytes) -> None:
    document = problem(asking.post(SUBMIT, content=body, headers=JSON), 422)
    assert document["field"] == "body"


@pytest.mark.parametrize(
    "body",
    [
        b'{"url": "https://example.com/", "retention_seconds": 1e999}',
        b'{"url": "https://example.com/", "priority": 1e999}',
        b'{"url": "https://example.com/", "temperature": -1e999}',
        b'{"url": "https://example.com/", "metadata": {"\\u0000": ""}}',
        b'{"url": "https://example.com/", "initial_prompt": "a\\u0000b"}',
        b'{"url": "https://exa\\u0000mple.com/"}',
        b'{"blob": "\\u05d0\\u05d1"}',
    ],
)
def test_values_at_the_edge_of_json_are_refused(asking: httpx.Client, body: bytes) -> None:
    problem(asking.post(SUBMIT, content=body, headers=JSON), 422)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "x", ""])
def test_a_body_that_is_not_declared_json_is_refused(asking: httpx.Client, kind: str) -> None:
    answer = asking.post(SUBMIT, content=b"{}", headers={"Content-Type": kind})
    assert problem(answer, 415, "unsupported_media_type")["field"] == "Content-Type"


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Api]:
    with open_api(tmp_path / "data", max_body_bytes=1000, max_multipart_bytes=2000) as opened:
        yield opened


def test_an_announced_size_over_the_limit_is_refused_unread(small: Api) -> None:
    headers = JSON | {"X-API-Key": small.token(), "Content-Length": "1001"}
    status, _, document = raw_call(small.app, SUBMIT, headers=headers, body=[])
    assert (status, document["code"]) == (413, "payload_too_large")
    assert "1000 bytes" in document["detail"]
    assert "/api/v1/uploads" in document["detail"]


@pytest.mark.parametrize("announced", [None, "10", "abc", "-5"])
def test_a_body_is_counted_whatever_was_announced(small: Api, announced: str | None) -> None:
    headers = JSON | {"X-API-Key": small.token()}
    headers |= {} if announced is None else {"Content-Length": announced}
    body = [b'{"recording_id": "', *[b"x" * 100] * 20, b'"}']
    status, _, document = raw_call(small.app, SUBMIT, headers=headers, body=body)
    assert (status, document["code"]) == (413, "payload_too_large")


def test_a_length_of_ten_thousand_digits_is_refused(small: Api) -> None:
    headers = JSON | {"X-API-Key": small.token(), "Content-Length": "9" * 10_000}
    assert raw_call(small.app, SUBMIT, headers=headers, body=[])[0] == 413


def test_a_body_in_pieces_is_put_together(small: Api) -> None:
    headers = JSON | {"X-API-Key": small.token()}
    body = [b'{"url"', b': "', AUDIO_URL.encode(), b'"}']
    assert raw_call(small.app, SUBMIT, headers=headers, body=body)[0] == 202


def test_a_form_has_a_limit_of_its_own_and_room_for_its_fields(small: Api) -> None:
    files = {"file": ("a.wav", b"x" * 2000, "audio/wav")}
    assert small.client().post(f"{SUBMIT}/upload", files=files).status_code == 202
    headers = {"X-API-Key": small.token(), "Content-Length": str(2000 + (1 << 20) + 1)}
    status, _, _ = raw_call(small.app, f"{SUBMIT}/upload", headers=headers, body=[])
    assert status == 413


def test_a_caller_who_hangs_up_is_no_fault_of_ours(small: Api) -> None:
    headers = JSON | {"X-API-Key": small.token(), "Content-Length": "100"}
    status, _, document = raw_call(small.app, SUBMIT, headers=headers, body=[])
    assert (status, document["code"]) == (400, "client_disconnected")


def test_a_stranger_is_turned_away_before_the_body_is_read(small: Api) -> None:
    status, _, document = raw_call(small.app, SUBMIT, headers=JSON, body=[b"{" * 900])
    assert (status, document["code"]) == (401, "unauthorized")
