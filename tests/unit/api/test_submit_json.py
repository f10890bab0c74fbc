from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

import httpx
import pytest

from functions.schemas.submit import TranscribeOptions
from shared.domain.events import EventType
from shared.domain.job import PayloadMode, Status
from shared.domain.options import DiarizationArgs, OutputOptions
from tests.support.api import AUDIO_URL, Api, open_api, problem

SUBMIT = "/api/v1/transcribe"


def submitted(api: Api, client: httpx.Client, body: dict[str, Any]) -> Any:
    answer = client.post(SUBMIT, json=body)
    assert answer.status_code == 202, answer.text
    return api.world.deployment.platform.jobs.get(answer.json()["job_id"])


def test_a_url_is_accepted_and_the_queue_told(api: Api, acme: httpx.Client) -> None:
    answer = acme.post(SUBMIT, json={"url": AUDIO_URL})
    body = answer.json()
    assert answer.status_code == 202
    assert body["status"] == "pending"
    assert body["created_at"] == "2027-01-15T08:00:00.000Z"
    assert answer.headers["location"] == f"/api/v1/jobs/{body['job_id']}" == body["links"]["self"]
    assert "idempotent-replay" not in answer.headers
    assert api.world.queued() == [body["job_id"]]


def test_the_flat_body_of_old_callers_is_understood(api: Api, acme: httpx.Client) -> None:
    job = submitted(
        api,
        acme,
        {
            "engine": "stable-whisper",
            "model": "base",
            "url": AUDIO_URL,
            "language": "iw",
            "diarize": True,
            "webhook_url": "https://hooks.example.com/x",
            "recording_id": "rec-42",
        },
    )
    assert (job.options.engine, job.options.model) == ("faster-whisper", "base")
    assert (job.options.language, job.options.diarize) == ("he", True)
    assert (job.webhook.url, job.webhook.mode) == (
        "https://hooks.example.com/x",
        PayloadMode.STANDARD,
    )
    assert job.recording_id == "rec-42"


def test_the_nested_body_of_old_callers_is_understood(api: Api, acme: httpx.Client) -> None:
    job = submitted(
        api,
        acme,
        {
            "engine": "faster-whisper",
            "transcribe_args": {
                "url": AUDIO_URL,
                "language": "he",
                "diarize": True,
                "diarization_args": {"num_speakers": 2},
                "output_options": {"word_timestamps": False},
                "verbose": True,
            },
        },
    )
    assert job.source.url == AUDIO_URL
    assert job.options.diarization_args == DiarizationArgs(num_speakers=2)
    assert job.options.output_options == OutputOptions(word_timestamps=False, extra_data=True)


def test_every_option_reaches_the_record(api: Api, acme: httpx.Client) -> None:
    body = {
        "url": AUDIO_URL,
        "task": "translate",
        "language": "he",
        "diarize": True,
        "diarization_args": {"min_speakers": 2, "max_speakers": 3},
        "word_timestamps": False,
        "extra_data": False,
        "initial_prompt": "דני\nתמר",
        "hotwords": "תמליל",
        "beam_size": 3,
        "accuracy": "best",
        "temperature": [0, 0.5],
        "vad": False,
        "webhook_url": "https://hooks.example.com/x",
        "webhook_events": ["transcription.failed"],
        "webhook_mode": "legacy",
        "metadata": {"לקוח": "כהן"},
        "retention_seconds": 60,
        "priority": -3,
        "recording_id": "rec-42",
    }
    left_to_other_tests = {"engine", "model", "channels", "output_options", "enhance"}
    left_to_other_tests |= {"multilingual"}  # it goes with no language
    assert set(TranscribeOptions.model_fields) - left_to_other_tests <= set(body)
    job = submitted(api, acme, body)
    options = job.options
    assert (options.language, options.diarize, job.recording_id) == ("he", True, "rec-42")
    assert options.task == "translate"
    assert options.diarization_args == DiarizationArgs(min_speakers=2, max_speakers=3)
    assert options.output_options == OutputOptions(word_timestamps=False, extra_data=False)
    assert (options.initial_prompt, options.hotwords) == ("דני\nתמר", "תמליל")
    assert options.accuracy == "best"
    assert (options.beam_size, options.temperature, options.vad) == (3, (0.0, 0.5), False)
    assert job.webhook.events == (EventType.TRANSCRIPTION_FAILED,)
    assert job.webhook.mode is PayloadMode.LEGACY
    assert job.metadata == {"לקוח": "כהן"}
    assert (job.retention_seconds, job.priority) == (60.0, -3)


def test_a_recording_that_switches_languages_names_none(api: Api, acme: httpx.Client) -> None:
    assert submitted(api, acme, {"url": AUDIO_URL, "multilingual": True}).options.multilingual
    assert submitted(api, acme, {"url": AUDIO_URL}).options.multilingual is False
    both = {"url": AUDIO_URL, "multilingual": True, "language": "he"}
    refused = problem(acme.post("/api/v1/transcribe", json=both), 422)
    assert (refused["code"], refused["field"]) == ("contradiction", "multilingual")
    one = {"url": AUDIO_URL, "multilingual": True, "model": "tiny.en"}
    refused = problem(acme.post("/api/v1/transcribe", json=one), 422)
    assert (refused["code"], refused["field"]) == ("unsupported_option", "multilingual")


@pytest.mark.parametrize("prefix", ["", "data:audio/wav;base64,"])
def test_a_blob_is_stored_byte_for_byte(api: Api, acme: httpx.Client, prefix: str) -> None:
    content = bytes(range(256)) * 40
    blob = prefix + base64.encodebytes(content).decode()
    job = submitted(api, acme, {"blob": blob, "filename": "פגישה.wav"})
    stored = api.world.deployment.platform.blobs.read(job.source.key)
    assert hashlib.sha256(stored).digest() == hashlib.sha256(content).digest()
    assert job.source.filename == "פגישה.wav"
    assert job.source.content_type == ("audio/wav" if prefix else None)


def test_an_upload_id_waits_for_its_object(api: Api, acme: httpx.Client) -> None:
    upload = acme.post("/api/v1/uploads", json={}).json()
    assert upload["job_id"] is None
    job = submitted(api, acme, {"upload_id": upload["upload_id"]})
    assert job.status is Status.AWAITING_UPLOAD


@pytest.mark.parametrize(
    ("body", "field", "says"),
    [
        ({"nonsense": 1, "url": AUDIO_URL}, "nonsense", "Extra inputs"),
        ({"url": AUDIO_URL, "beam_size": 21}, "beam_size", "20"),
        ({"url": AUDIO_URL, "beam_size": "5"}, "beam_size", "integer"),
        ({"url": AUDIO_URL, "diarize": "yes"}, "diarize", "boolean"),
        ({"url": AUDIO_URL, "priority": 11}, "priority", "10"),
        ({"url": AUDIO_URL, "priority": 10**400}, "priority", "10"),
        ({"url": AUDIO_URL, "temperature": 1.5}, "temperature", "0 to 1"),
        ({"url": AUDIO_URL, "temperature": []}, "temperature", "1 to 10"),
        ({"url": AUDIO_URL, "temperature": True}, "temperature", "number"),
        ({"url": AUDIO_URL, "language": "klingon"}, "language", "not supported"),
        ({"url": AUDIO_URL, "model": "no-such"}, "model", "not known"),
        ({"url": AUDIO_URL, "engine": "no-such"}, "engine", "available"),
        ({"url": AUDIO_URL, "channels": "separate", "diarize": True}, "channels", "diarize"),
        ({"url": AUDIO_URL, "enhance": {}}, "enhance", "not available"),
        ({"url": AUDIO_URL, "recording_id": "x" * 201}, "recording_id", "200"),
        ({"url": AUDIO_URL, "recording_id": "a\x00b"}, "recording_id", "pattern"),
        ({"url": AUDIO_URL, "metadata": {str(n): "" for n in range(17)}}, "metadata", "16"),
        ({"url": AUDIO_URL, "metadata": {"k": 1}}, "metadata.k", "string"),
        ({"url": AUDIO_URL, "metadata": {"k": "x" * 501}}, "metadata.k", "500"),
        ({"url": AUDIO_URL, "retention_seconds": 0}, "retention_seconds", "greater than 0"),
        ({"url": AUDIO_URL, "retention_seconds": 1e12}, "retention_seconds", "315360000"),
        ({"url": AUDIO_URL, "webhook_events": ["x"]}, "webhook_events.0", "transcription."),
        ({"url": AUDIO_URL, "webhook_mode": "legacy"}, "webhook_mode", "webhook_url"),
        ({"url": AUDIO_URL, "filename": "a.wav"}, "filename", "blob or upload_id"),
        (
            {"url": AUDIO_URL, "diarization_args": {"num_speakers": 2}},
            "diarization_args",
            "diarize",
        ),
        ({"url": "ftp://example.com/a"}, "url", "http"),
        ({"url": "http://127.0.0.1/a"}, "url", "loopback"),
        ({"url": "http://169.254.169.254/latest"}, "url", "not allowed"),
        ({"url": "http://user:pw@example.com/a"}, "url", "password"),
        ({"url": AUDIO_URL, "webhook_url": "http://10.0.0.1/"}, "webhook_url", "private"),
        ({"upload_id": "../../etc"}, "upload_id", "uploads"),
        ({"storage_uri": "s3://bucket/key"}, "storage_uri", "platform"),
        ({"blob": "@@@"}, "blob", "base64"),
        ({"blob": "QUJ"}, "blob", "base64"),
        ({"blob": "data:audio/wav,abc"}, "blob", "data:"),
        ({"blob": ""}, "blob", "empty"),
        ({"transcribe_args": {"beam_size": 0, "url": AUDIO_URL}}, "transcribe_args.beam_size", "1"),
    ],
)
def test_bad_input_is_refused_with_field_and_limit(
    asking: httpx.Client, body: dict[str, Any], field: str, says: str
) -> None:
    document = problem(asking.post(SUBMIT, json=body), 422)
    assert document["field"] == field
    assert says in document["detail"]


@pytest.mark.parametrize(
    "given", [{}, {"url": AUDIO_URL, "blob": "QUJD"}, {"url": None, "blob": None}]
)
def test_not_exactly_one_source_is_refused_with_all_four_names(
    asking: httpx.Client, given: dict[str, Any]
) -> None:
    document = problem(asking.post(SUBMIT, json=given), 422)
    assert all(name in document["detail"] for name in ("url", "blob", "upload_id", "storage_uri"))
    assert document["code"] in ("missing_source", "ambiguous_source")


@pytest.mark.parametrize(
    "given",
    [
        {"word_timestamps": True, "output_options": {"word_timestamps": False}},
        {"language": "he", "transcribe_args": {"language": "en"}},
        {"transcribe_args": {"url": "https://other.example.com/"}},
    ],
)
def test_a_contradiction_is_refused(asking: httpx.Client, given: dict[str, Any]) -> None:
    problem(asking.post(SUBMIT, json={"url": AUDIO_URL} | given), 422, "contradiction")


def test_the_test_event_can_not_be_subscribed_to(acme: httpx.Client) -> None:
    hook = {"webhook_url": "https://hooks.example.com/", "webhook_events": ["webhook.test"]}
    document = problem(acme.post(SUBMIT, json={"url": AUDIO_URL} | hook), 422)
    assert document["field"] == "webhook_events"


def test_a_blob_of_padding_and_space_over_the_limit_is_refused(tmp_path: Path) -> None:
    with open_api(tmp_path / "small", max_blob_bytes=5) as api:
        blob = base64.b64encode(b"x" * 6).decode()
        problem(api.client().post(SUBMIT, json={"blob": blob}), 413, "payload_too_large")


def test_the_same_value_in_both_places_is_no_contradiction(api: Api, acme: httpx.Client) -> None:
    body = {"language": "he", "transcribe_args": {"url": AUDIO_URL, "language": "he"}}
    assert submitted(api, acme, body).options.language == "he"


def test_a_blob_over_its_limit_names_limit_and_way_out(api: Api, acme: httpx.Client) -> None:
    limit = api.world.platform.limits.max_blob_bytes
    content = b"x" * (limit + 1)
    answer = acme.post(SUBMIT, json={"blob": base64.b64encode(content).decode()})
    document = problem(answer, 413, "payload_too_large")
    assert str(limit) in document["detail"]
    assert "/api/v1/uploads" in document["detail"]


def test_a_blob_of_text_is_refused_by_its_type(acme: httpx.Client) -> None:
    answer = acme.post(SUBMIT, json={"blob": "data:text/html;base64,QUJD"})
    assert problem(answer, 415, "unsupported_media_type")["field"] == "blob"


def test_what_was_sent_is_never_repeated(acme: httpx.Client) -> None:
    secret = "hunter2-" + "x" * 5000
    answer = acme.post(SUBMIT, json={"webhook_url": secret, "beam_size": secret, "blob": [secret]})
    assert "hunter2" not in answer.text
    assert len(answer.content) < 3000


def test_a_thousand_unknown_fields_make_a_short_answer(acme: httpx.Client) -> None:
    answer = acme.post(SUBMIT, json={f"{'n' * 1000}{n}": 1 for n in range(1000)})
    assert len(problem(answer, 422)["errors"]) == 20
    assert len(answer.content) < 5000
