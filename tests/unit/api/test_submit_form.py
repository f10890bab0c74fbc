from __future__ import annotations

import gc
import hashlib
import json
import random
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.api import Api, open_api, problem

UPLOAD = "/api/v1/transcribe/upload"


def form(content: bytes = b"RIFFdata", name: str = "a.wav", kind: str = "audio/wav") -> Any:
    return {"file": (name, content, kind)}


def test_every_byte_of_a_large_file_is_stored(api: Api, acme: httpx.Client) -> None:
    content = random.Random(7).randbytes(5_000_011)
    answer = acme.post(UPLOAD, files=form(content))
    assert answer.status_code == 202, answer.text
    job = api.world.deployment.platform.jobs.get(answer.json()["job_id"])
    assert job.source.key is not None
    stored = api.world.deployment.platform.blobs.read(job.source.key)
    assert hashlib.sha256(stored).digest() == hashlib.sha256(content).digest()
    assert job.source.size_bytes == len(content)


def test_options_come_as_fields(api: Api, acme: httpx.Client) -> None:
    fields = {
        "diarize": "True",
        "vad": "0",
        "beam_size": "3",
        "temperature": "[0, 0.4]",
        "multilingual": "on",
        "recording_id": "123",
        "metadata": json.dumps({"לקוח": "כהן"}),
        "webhook_url": "https://hooks.example.com/x",
        "webhook_events": '["transcription.completed"]',
    }
    answer = acme.post(UPLOAD, files=form(name="הקלטה מהבוקר.mp3"), data=fields)
    assert answer.status_code == 202, answer.text
    job = api.world.deployment.platform.jobs.get(answer.json()["job_id"])
    assert (job.options.diarize, job.options.vad, job.options.beam_size) == (True, False, 3)
    assert job.options.temperature == (0.0, 0.4)
    assert job.options.multilingual is True
    assert job.recording_id == "123"
    assert job.metadata == {"לקוח": "כהן"}
    assert job.source.filename == "הקלטה מהבוקר.mp3"


def test_options_come_as_one_json_field_beside_others(api: Api, acme: httpx.Client) -> None:
    options = json.dumps({"language": "he", "diarize": True})
    answer = acme.post(UPLOAD, files=form(), data={"options": options, "diarize": "true"})
    assert answer.status_code == 202, answer.text
    job = api.world.deployment.platform.jobs.get(answer.json()["job_id"])
    assert (job.options.language, job.options.diarize) == ("he", True)


def test_fields_that_contradict_the_json_are_refused(acme: httpx.Client) -> None:
    data = {"options": '{"language": "he"}', "language": "en"}
    answer = acme.post(UPLOAD, files=form(), data=data)
    assert problem(answer, 422, "contradiction")["field"] == "language"


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"nonsense": "1"}, "nonsense"),
        ({"beam_size": "five"}, "beam_size"),
        ({"beam_size": "99"}, "beam_size"),
        ({"diarize": "perhaps"}, "diarize"),
        ({"metadata": "{"}, "metadata"),
        ({"options": "[]"}, "options"),
        ({"url": "https://example.com/a.wav"}, "url"),
        ({"temperature": "NaN"}, "temperature"),
    ],
)
def test_bad_options_are_refused_with_the_field(
    asking: httpx.Client, data: dict[str, str], field: str
) -> None:
    assert problem(asking.post(UPLOAD, files=form(), data=data), 422)["field"] == field


def test_options_that_are_not_json_are_refused(acme: httpx.Client) -> None:
    problem(acme.post(UPLOAD, files=form(), data={"options": "{"}), 400, "invalid_json")


def test_a_missing_file_is_refused(acme: httpx.Client) -> None:
    answer = acme.post(UPLOAD, files={"other": ("a.wav", b"RIFF", "audio/wav")})
    assert problem(answer, 422, "missing_file")["field"] == "file"


def test_a_file_as_a_plain_field_is_refused(acme: httpx.Client) -> None:
    answer = acme.post(UPLOAD, files={"file": (None, "text")})
    problem(answer, 422, "missing_file")


def test_an_empty_file_is_refused(acme: httpx.Client) -> None:
    problem(acme.post(UPLOAD, files=form(b"")), 422, "empty_file")


@pytest.mark.parametrize("kind", ["text/html", "application/json", "image/png", "nonsense"])
def test_a_file_that_says_it_is_no_audio_is_refused(asking: httpx.Client, kind: str) -> None:
    answer = asking.post(UPLOAD, files=form(kind=kind))
    assert problem(answer, 415, "unsupported_media_type")["field"] == "file"


@pytest.mark.parametrize("kind", ["video/mp4", "application/octet-stream", "application/ogg"])
def test_what_may_be_audio_is_taken(acme: httpx.Client, kind: str) -> None:
    assert acme.post(UPLOAD, files=form(kind=kind)).status_code == 202


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "application/octet-stream"])
def test_a_body_that_is_no_form_is_refused(asking: httpx.Client, kind: str) -> None:
    answer = asking.post(UPLOAD, content=b"RIFF", headers={"Content-Type": kind})
    assert "multipart/form-data" in problem(answer, 415, "unsupported_media_type")["detail"]


@pytest.mark.parametrize(
    ("kind", "body", "code"),
    [
        ("multipart/form-data", b"x", "invalid_multipart"),
        ("multipart/form-data; boundary=b", b"garbage", "invalid_multipart"),
        ("multipart/form-data; boundary=b", b"--b\r\n\r\nno name\r\n--b--", "invalid_multipart"),
    ],
)
def test_a_broken_form_is_refused(asking: httpx.Client, kind: str, body: bytes, code: str) -> None:
    problem(asking.post(UPLOAD, content=body, headers={"Content-Type": kind}), 400, code)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_form_that_breaks_off_inside_the_file_is_not_taken(api: Api, acme: httpx.Client) -> None:
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\nRIFF'
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = acme.post(UPLOAD, content=head, headers=kind)
    assert "cut short" in problem(answer, 422, "missing_file")["detail"]
    assert api.world.blob_files() == []
    gc.collect()  # the parser leaves its unfinished temporary file to the collector, which warns


def test_two_files_are_refused(acme: httpx.Client) -> None:
    part = ("a.wav", b"RIFF", "audio/wav")
    answer = acme.post(UPLOAD, files=[("file", part), ("file", part)])
    problem(answer, 400, "invalid_multipart")


def test_a_field_given_twice_is_refused(acme: httpx.Client) -> None:
    answer = acme.post(UPLOAD, files=form(), data={"language": ["he", "en"]})
    assert problem(answer, 422)["field"] == "language"


def test_a_file_over_the_limit_names_limit_and_way_out_and_leaves_nothing(tmp_path: Path) -> None:
    with open_api(tmp_path / "data", max_multipart_bytes=10_000) as api:
        answer = api.client().post(UPLOAD, files=form(b"x" * 10_001))
        detail = problem(answer, 413, "payload_too_large")["detail"]
        assert "10000" in detail
        assert "/api/v1/uploads" in detail
        assert api.world.blob_files() == []
