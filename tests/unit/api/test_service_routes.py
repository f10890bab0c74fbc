from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from shared.domain.api_keys import Scope
from shared.domain.job import JobError
from shared.services.work_on_job import complete_job, fail_attempt
from tests.support.api import Api, open_api, problem
from tests.support.world import make_transcript

_SAMPLE = re.compile(r'[a-z_]+(\{[a-z]+="[^"]*"\})? [0-9.e+-]+')


def values(page: str) -> dict[str, float]:
    lines = [line for line in page.splitlines() if not line.startswith("#")]
    assert all(_SAMPLE.fullmatch(line) for line in lines), lines
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


def test_health_asks_nothing_of_the_store(api: Api) -> None:
    api.world.faults.always("before jobs.counts")
    assert api.anonymous().get("/health").json() == {"status": "ok"}


def test_ready_while_all_answer(api: Api) -> None:
    answer = api.anonymous().get("/health/ready")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ok",
        "checks": {"store": "ok", "queue": "ok", "bucket": "ok"},
    }


@pytest.mark.parametrize(
    ("point", "name"),
    [("jobs.counts", "store"), ("queue.depth", "queue"), ("blobs.exists", "bucket")],
)
def test_not_ready_names_what_does_not_answer_and_no_more(api: Api, point: str, name: str) -> None:
    api.world.faults.always(f"before {point}")
    answer = api.anonymous().get("/health/ready")
    assert answer.status_code == 503
    body = answer.json()
    assert body["status"] == "unavailable"
    assert body["checks"].pop(name) == "unavailable"
    assert set(body["checks"].values()) == {"ok"}
    assert "switched" not in answer.text


def test_metrics_tell_of_the_deployment_not_of_the_process(tmp_path: Path) -> None:
    with open_api(tmp_path / "data") as first, open_api(tmp_path / "data") as second:
        first.world.completed()
        held = first.world.processing()
        fail_attempt(first.world.platform, held, JobError(code="x", detail="x"))
        first.world.submit()
        second.world.launcher.running.add("execution-1")
        answer = second.client(Scope.ADMIN).get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    found = values(answer.text)
    assert found["tamlil_jobs_submitted_total"] == 3
    assert found["tamlil_jobs_completed_total"] == 1
    assert found["tamlil_jobs_failed_total"] == 1
    assert found["tamlil_jobs_cancelled_total"] == 0
    assert found['tamlil_jobs{status="pending"}'] == 1
    assert found['tamlil_queue_messages{state="waiting"}'] == 3
    assert found["tamlil_active_workers"] == 1
    assert found["tamlil_job_duration_seconds_count"] == 1
    assert found['tamlil_job_duration_seconds_bucket{le="+Inf"}'] == 1


def test_histogram_buckets_never_fall(api: Api) -> None:
    held = api.world.processing()
    api.world.clock.advance(45)
    complete_job(api.world.platform, held, make_transcript())
    found = values(api.client(Scope.ADMIN).get("/metrics").text)
    buckets = [v for k, v in found.items() if k.startswith("tamlil_job_duration_seconds_bucket")]
    assert buckets == sorted(buckets)
    assert found['tamlil_job_duration_seconds_bucket{le="30"}'] == 0
    assert found['tamlil_job_duration_seconds_bucket{le="60"}'] == 1
    assert found["tamlil_job_duration_seconds_sum"] == 45


def test_metrics_are_the_admins_unless_the_settings_open_them(tmp_path: Path) -> None:
    with open_api(tmp_path / "closed") as api:
        problem(api.anonymous().get("/metrics"), 401)
        problem(api.client().get("/metrics"), 403)
    with open_api(tmp_path / "open", metrics_public=True) as api:
        assert api.anonymous().get("/metrics").status_code == 200


def test_metrics_of_a_store_that_does_not_answer_are_503(api: Api) -> None:
    api.world.faults.always("before metrics.read")
    problem(api.client(Scope.ADMIN).get("/metrics"), 503)


def test_a_deployment_that_says_what_it_has_lists_and_takes_nothing_else(tmp_path: Path) -> None:
    with open_api(tmp_path, models_available=("base",)) as api:
        client = api.client(Scope.JOBS_WRITE)
        found = client.get("/api/v1/models").json()["models"]
        assert [model["name"] for model in found] == ["base"]
        body = {"url": "https://example.com/a.wav", "model": "tiny.en"}
        refused = problem(client.post("/api/v1/transcribe", json=body), 422)
        assert refused["code"] == "unsupported_option"
        assert "it has: base" in refused["detail"]
        assert client.post("/api/v1/transcribe", json=body | {"model": "base"}).status_code == 202


def test_models_name_what_may_be_asked_for(acme: httpx.Client) -> None:
    found = acme.get("/api/v1/models").json()["models"]
    assert found[0]["name"] == "base"
    assert [model["name"] for model in found if model["default"]] == ["base"]
    assert "he" in found[0]["languages"]
    assert found[0]["multilingual"] is True
    chosen_for = {model["name"]: model["chosen_for"] for model in found if model["chosen_for"]}
    assert chosen_for == {"ivrit-he-turbo": ["he"], "ivrit-yi-turbo": ["yi"]}
    assert found[0]["size_bytes"] > 0
    for model in found:
        body = {"url": "https://example.com/a.wav", "model": model["name"]}
        assert acme.post("/api/v1/transcribe", json=body).status_code == 202
