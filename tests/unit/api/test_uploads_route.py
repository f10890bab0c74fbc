from __future__ import annotations

import httpx
import pytest

from shared.services.keys_of_blobs import upload_key
from shared.services.start_upload import UNCLAIMED_SECONDS, object_arrived
from shared.services.sweep import sweep
from tests.support.api import Api, problem

UPLOADS = "/api/v1/uploads"


def test_an_upload_with_options_is_a_job_that_starts_when_the_object_arrives(
    api: Api, acme: httpx.Client
) -> None:
    asked = {
        "filename": "פגישה.mp3",
        "content_type": "audio/mpeg",
        "size_bytes": 4,
        "transcribe": {"language": "he", "recording_id": "42"},
    }
    answer = acme.post(UPLOADS, json=asked)
    assert answer.status_code == 201, answer.text
    body = answer.json()
    assert body["method"] == "PUT"
    assert body["headers"] == {"Content-Type": "audio/mpeg"}
    assert body["max_bytes"] == 4
    assert body["expires_at"] == "2027-01-15T09:00:00.000Z"
    assert "signature=" in body["url"]
    job = acme.get(f"/api/v1/jobs/{body['job_id']}").json()
    assert (job["status"], job["stage"]) == ("awaiting_upload", "waiting")
    assert job["upload_expires_at"] == body["expires_at"]
    assert job["source"]["filename"] == "פגישה.mp3"
    platform = api.world.platform
    key = upload_key("acme", body["upload_id"])
    platform.blobs.put(key, [b"RIFF"])
    object_arrived(platform, key)
    assert acme.get(f"/api/v1/jobs/{body['job_id']}").json()["status"] == "pending"


@pytest.mark.parametrize("body", [{}, {"transcribe": None}])
def test_without_options_there_is_only_an_upload_that_is_erased_when_no_job_names_it(
    api: Api, acme: httpx.Client, body: dict[str, None]
) -> None:
    made = acme.post(UPLOADS, json=body).json()
    assert made["job_id"] is None
    assert acme.get("/api/v1/jobs").json()["jobs"] == []
    world, key = api.world, upload_key("acme", made["upload_id"])
    world.platform.blobs.put(key, [b"RIFF"])
    world.clock.advance(world.platform.limits.upload_seconds + UNCLAIMED_SECONDS)
    sweep(world.platform)
    assert not world.platform.blobs.exists(key)


def test_empty_options_are_all_defaults(acme: httpx.Client) -> None:
    assert acme.post(UPLOADS, json={"transcribe": {}}).json()["job_id"].startswith("job_")


def test_the_upload_id_leads_to_the_job_that_waits_for_it(acme: httpx.Client) -> None:
    made = acme.post(UPLOADS, json={"transcribe": {}}).json()
    again = acme.post("/api/v1/transcribe", json={"upload_id": made["upload_id"]})
    assert (again.status_code, again.json()["job_id"]) == (202, made["job_id"])
    other = {"upload_id": made["upload_id"], "diarize": True}
    problem(acme.post("/api/v1/transcribe", json=other), 409, "source_already_submitted")


def test_an_upload_that_was_erased_can_not_be_submitted_again(api: Api, acme: httpx.Client) -> None:
    made = acme.post(UPLOADS, json={"transcribe": {}}).json()
    assert acme.delete(f"/api/v1/jobs/{made['job_id']}?purge=true").status_code == 204
    again = acme.post("/api/v1/transcribe", json={"upload_id": made["upload_id"]})
    problem(again, 410, "upload_erased")


@pytest.mark.parametrize(("announced", "shown"), [("audio/flac", "audio/flac"), (None, None)])
def test_the_job_shows_the_type_that_was_announced(
    acme: httpx.Client, announced: str | None, shown: str | None
) -> None:
    made = acme.post(UPLOADS, json={"content_type": announced, "transcribe": {}}).json()
    job = acme.get(f"/api/v1/jobs/{made['job_id']}").json()
    assert job["source"]["content_type"] == shown


def test_an_announced_size_over_the_limit_is_refused(api: Api, acme: httpx.Client) -> None:
    limit = api.world.platform.limits.max_source_bytes
    document = problem(acme.post(UPLOADS, json={"size_bytes": limit + 1}), 413)
    assert str(limit) in document["detail"]


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"size_bytes": 0}, 422, "size_bytes"),
        ({"size_bytes": 10**30}, 413, "size_bytes"),
        ({"content_type": "text/html"}, 415, "content_type"),
        ({"content_type": "audio/x\r\nx: y"}, 422, "content_type"),
        ({"transcribe": {"beam_size": 0}}, 422, "transcribe.beam_size"),
        ({"transcribe": {"url": "https://example.com"}}, 422, "transcribe.url"),
        ({"transcribe": {"language": "klingon"}}, 422, "language"),
        ({"transcribe": []}, 422, "transcribe"),
        ({"nonsense": 1}, 422, "nonsense"),
    ],
)
def test_bad_input_is_refused(
    asking: httpx.Client, body: dict[str, object], status: int, field: str
) -> None:
    assert problem(asking.post(UPLOADS, json=body), status)["field"] == field


def test_an_idempotency_key_is_refused_rather_than_ignored(acme: httpx.Client) -> None:
    answer = acme.post(UPLOADS, json={}, headers={"Idempotency-Key": "k"})
    assert problem(answer, 422, "unsupported_option")["field"] == "Idempotency-Key"
