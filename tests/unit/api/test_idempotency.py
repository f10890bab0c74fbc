from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.support.api import AUDIO_URL, Api, problem

SUBMIT = "/api/v1/transcribe"
KEY = {"Idempotency-Key": "recording 42 / first try"}


def test_a_repeat_gets_the_same_body_and_says_so(api: Api, acme: httpx.Client) -> None:
    first = acme.post(SUBMIT, json={"url": AUDIO_URL}, headers=KEY)
    api.world.claim(api.world.platform.jobs.get(first.json()["job_id"]))
    api.world.clock.advance(100)
    again = acme.post(SUBMIT, json={"url": AUDIO_URL}, headers=KEY)
    assert again.status_code == first.status_code == 202
    assert again.content == first.content
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["idempotent-replay"] == "true"
    assert "idempotent-replay" not in first.headers
    assert len(acme.get("/api/v1/jobs").json()["jobs"]) == 1


def test_the_same_key_with_another_request_is_a_conflict(acme: httpx.Client) -> None:
    acme.post(SUBMIT, json={"url": AUDIO_URL}, headers=KEY)
    answer = acme.post(SUBMIT, json={"url": AUDIO_URL, "diarize": True}, headers=KEY)
    document = problem(answer, 409, "idempotency_key_reused")
    assert document["field"] == "Idempotency-Key"


def test_the_key_belongs_to_the_tenant(api: Api, acme: httpx.Client) -> None:
    first = acme.post(SUBMIT, json={"url": AUDIO_URL}, headers=KEY).json()
    other = api.client(tenant="rival").post(SUBMIT, json={"url": AUDIO_URL}, headers=KEY).json()
    assert first["job_id"] != other["job_id"]


def test_a_repeated_file_is_one_job_and_one_object(api: Api, acme: httpx.Client) -> None:
    files = {"file": ("a.wav", b"RIFFdata", "audio/wav")}
    answers = [acme.post(f"{SUBMIT}/upload", files=files, headers=KEY) for _ in range(2)]
    assert answers[0].content == answers[1].content
    assert len(list(api.world.platform.blobs.list("tenants/acme"))) == 1


def test_another_file_under_the_same_key_is_a_conflict(acme: httpx.Client) -> None:
    for content, status in ((b"RIFF1", 202), (b"RIFF2", 409)):
        files = {"file": ("a.wav", content, "audio/wav")}
        assert acme.post(f"{SUBMIT}/upload", files=files, headers=KEY).status_code == status


@pytest.mark.parametrize(
    "body", [{"url": AUDIO_URL}, {"blob": base64.b64encode(b"RIFFdata").decode()}]
)
def test_racing_repeats_make_one_job(api: Api, body: dict[str, Any]) -> None:
    clients = [api.client() for _ in range(8)]
    with ThreadPoolExecutor(len(clients)) as pool:
        answers = list(pool.map(lambda c: c.post(SUBMIT, json=body, headers=KEY), clients))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.content for answer in answers}) == 1
    assert sum("idempotent-replay" not in answer.headers for answer in answers) == 1
    assert len(clients[0].get("/api/v1/jobs").json()["jobs"]) == 1
    assert len(list(api.world.platform.blobs.list("tenants/acme"))) == ("blob" in body)


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", "é"])
def test_a_key_that_is_not_printable_or_too_long_is_refused(asking: httpx.Client, key: str) -> None:
    headers = [(b"Idempotency-Key", key.encode())]
    answer = asking.post(SUBMIT, json={"url": AUDIO_URL}, headers=headers)
    assert problem(answer, 422)["field"] == "Idempotency-Key"


def test_a_submit_that_could_not_be_queued_is_kept_for_the_sweep(
    api: Api, acme: httpx.Client
) -> None:
    api.world.faults.always("before queue.send")
    answer = acme.post(SUBMIT, json={"url": AUDIO_URL})
    assert answer.status_code == 202
    assert acme.get(answer.headers["location"]).json()["status"] == "pending"


def test_a_submit_that_could_not_be_recorded_promises_nothing(api: Api, acme: httpx.Client) -> None:
    api.world.faults.always("before jobs.create")
    answer = acme.post(SUBMIT, json={"url": AUDIO_URL})
    problem(answer, 503, "unavailable")
    assert answer.headers["retry-after"] == "5"
