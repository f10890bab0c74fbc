from __future__ import annotations

import logging
from pathlib import Path

import httpx
import pytest

from functions.api.openapi import TamlilApi
from shared.domain.api_keys import Scope
from shared.services.manage_keys import create_key, revoke_key
from tests.support.api import AUDIO_URL, Api, open_api, problem

#: Operations that anybody may call; everything else in the document needs a key.
OPEN = {"/health", "/health/ready"}

PLACES = {
    "{job_id}": "job_00000000000000000000000001",
    "{key_id}": "ab12cd34ef56",
    "{delivery_id}": "evt_00000000000000000000000001",
}


def operations(api: Api) -> list[tuple[str, str, str | None]]:
    """(method, path, scope) of everything in the document but the open ones."""
    assert isinstance(api.app, TamlilApi)
    found = []
    for path, methods in api.app.openapi()["paths"].items():
        filled = path
        for name, value in PLACES.items():
            filled = filled.replace(name, value)
        if path not in OPEN:
            found += [(m.upper(), filled, op.get("x-required-scope")) for m, op in methods.items()]
    return found


def test_nothing_but_health_is_open(api: Api) -> None:
    stranger = api.anonymous()
    calls = operations(api)
    assert len(calls) == 21
    for method, path, _ in calls:
        answer = stranger.request(method, path)
        problem(answer, 401, "unauthorized")
        assert answer.headers["www-authenticate"].startswith("Bearer")


def test_each_operation_needs_its_scope(api: Api) -> None:
    for method, path, scope in operations(api):
        if scope is None:
            continue
        others = [other for other in Scope if other not in (Scope(scope), Scope.ADMIN)]
        document = problem(api.client(*others).request(method, path), 403, "forbidden")
        assert scope in document["detail"]


def test_admin_may_do_everything(api: Api) -> None:
    admin = api.client(Scope.ADMIN)
    for method, path, _ in operations(api):
        assert admin.request(method, path).status_code not in (401, 403)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_a_bearer_token_is_a_key_too(api: Api, scheme: str) -> None:
    headers = {"Authorization": f"{scheme} {api.token()}"}
    assert api.anonymous().get("/api/v1/jobs", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"X-API-Key": ""},
        {"X-API-Key": "nonsense"},
        {"X-API-Key": "tml_ab12cd34ef56_" + "A" * 43},
        {"X-API-Key": "x" * 10_000},
        {"Authorization": "Basic dXNlcjpwdw=="},
        {"Authorization": "Bearer"},
    ],
)
def test_a_wrong_key_is_refused(api: Api, headers: dict[str, str]) -> None:
    answer = api.anonymous().get("/api/v1/jobs", headers=headers)
    problem(answer, 401, "unauthorized")
    assert "ratelimit-limit" not in answer.headers


def test_a_key_of_bytes_beyond_ascii_is_refused(api: Api) -> None:
    headers = [(b"X-API-Key", "tml_מפתח".encode())]
    problem(api.anonymous().get("/api/v1/jobs", headers=headers), 401)


def test_a_right_id_with_another_secret_is_refused(api: Api) -> None:
    first, second = api.token(), api.token()
    mixed = "_".join([*first.split("_")[:2], second.split("_")[2]])
    problem(api.anonymous().get("/api/v1/jobs", headers={"X-API-Key": mixed}), 401)


def test_a_revoked_key_and_an_expired_key_are_refused(api: Api) -> None:
    platform = api.world.deployment.platform
    made = create_key(platform, tenant="acme")
    short = create_key(platform, tenant="acme", expires_in=10)
    stranger = api.anonymous()
    for token in (made.token, short.token):
        answer = stranger.get("/api/v1/jobs", headers={"X-API-Key": token})
        assert answer.status_code == 200
    revoke_key(platform, made.key.id)
    api.world.clock.advance(11)
    for token in (made.token, short.token):
        problem(stranger.get("/api/v1/jobs", headers={"X-API-Key": token}), 401)


def test_a_store_that_does_not_answer_is_503_with_the_time_to_wait(
    api: Api, acme: httpx.Client
) -> None:
    api.world.faults.always("before jobs.query")
    answer = acme.get("/api/v1/jobs")
    problem(answer, 503, "unavailable")
    assert int(answer.headers["retry-after"]) > 0


def test_another_tenants_job_is_not_there(api: Api, acme: httpx.Client) -> None:
    job_id = acme.post("/api/v1/transcribe", json={"url": AUDIO_URL}).json()["job_id"]
    other = api.client(Scope.ADMIN, tenant="rival")
    absent = problem(other.get("/api/v1/jobs/job_00000000000000000000000099"), 404)
    for method, path in [
        ("GET", f"/api/v1/jobs/{job_id}"),
        ("DELETE", f"/api/v1/jobs/{job_id}"),
        ("DELETE", f"/api/v1/jobs/{job_id}?purge=true"),
        ("GET", f"/api/v1/jobs/{job_id}/transcript"),
    ]:
        document = problem(other.request(method, path), 404, "job_not_found")
        assert document.keys() == absent.keys()
    assert other.get("/api/v1/jobs").json()["jobs"] == []
    assert acme.get(f"/api/v1/jobs/{job_id}").json()["status"] == "pending"


def test_another_tenants_upload_is_not_found_by_its_id(api: Api, acme: httpx.Client) -> None:
    upload = acme.post("/api/v1/uploads", json={"transcribe": {}}).json()
    other = api.client(tenant="rival")
    answer = other.post("/api/v1/transcribe", json={"upload_id": upload["upload_id"]})
    assert answer.json()["job_id"] != upload["job_id"]


def test_keys_are_stored_hashed(api: Api) -> None:
    token = api.token()
    secret = token.split("_")[2].encode()
    files = [path for path in api.world.data_dir.rglob("*") if path.is_file()]
    assert files
    assert all(secret not in path.read_bytes() for path in files)


def test_too_many_requests_are_429_with_the_time_to_wait(tmp_path: Path) -> None:
    with open_api(tmp_path / "data", rate_limit=60, rate_window_seconds=60, rate_burst=3) as api:
        client = api.client()
        remaining = []
        for _ in range(3):
            answer = client.get("/api/v1/jobs")
            remaining.append(answer.headers["ratelimit-remaining"])
            assert answer.status_code == 200
            assert answer.headers["ratelimit-limit"] == "3"
            assert answer.headers["ratelimit-policy"] == "60;w=60;burst=3"
        assert remaining == ["2", "1", "0"]
        refused = client.get("/api/v1/jobs")
        problem(refused, 429, "rate_limited")
        assert refused.headers["retry-after"] == "1"
        assert refused.headers["ratelimit-remaining"] == "0"
        assert int(refused.headers["ratelimit-reset"]) >= 1
        assert api.client().get("/api/v1/jobs").status_code == 200, "another key has its own"
        api.world.clock.advance(1)
        assert client.get("/api/v1/jobs").status_code == 200


def test_errors_carry_the_rate_headers_too(acme: httpx.Client) -> None:
    for answer in (acme.get("/api/v1/jobs/none"), acme.post("/api/v1/transcribe", json={})):
        assert answer.status_code >= 400
        assert int(answer.headers["ratelimit-remaining"]) >= 0


def test_the_log_line_names_the_caller_but_no_secret(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    token = api.token()
    caplog.set_level(logging.INFO)
    job = "job_00000000000000000000000009"
    answer = api.anonymous().get(
        f"/api/v1/jobs/{job}/transcript?format=srt&secret=hunter2",
        headers={"X-API-Key": token, "X-Request-ID": "my-id-1"},
    )
    assert answer.headers["x-request-id"] == "my-id-1"
    record = next(r for r in caplog.records if getattr(r, "request_id", None) == "my-id-1")
    line = vars(record)
    assert line["route"] == "/api/v1/jobs/{job_id}/transcript"
    assert (line["method"], line["status"]) == ("GET", 422)
    assert (line["tenant"], line["key_id"]) == ("acme", token.split("_")[1])
    assert line["ms"] >= 0
    ours = [r for r in caplog.records if not r.name.startswith("httpx")]  # the test's own client
    logged = "".join(str(vars(r)) for r in ours)
    assert "hunter2" not in logged
    assert token.split("_")[2] not in logged
