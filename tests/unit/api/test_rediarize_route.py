from __future__ import annotations

from typing import Any

import httpx
import pytest

from shared.domain.job import Job
from tests.support.api import AUDIO_URL, Api, problem
from tests.unit.services.test_rediarize_job import diarized


@pytest.fixture
def parent(api: Api) -> Job:
    return diarized(api.world)


def ask(client: httpx.Client, job: Job, body: Any, **headers: str) -> httpx.Response:
    return client.post(f"/api/v1/jobs/{job.id}/rediarize", json=body, headers=headers)


def test_it_is_answered_as_a_submit_and_listed_by_its_kind(acme: httpx.Client, parent: Job) -> None:
    answer = ask(acme, parent, {"diarization_args": {"num_speakers": 2}})
    assert answer.status_code == 202
    accepted = answer.json()
    assert answer.headers["location"] == accepted["links"]["self"]
    (listed,) = acme.get("/api/v1/jobs", params={"kind": "rediarization"}).json()["jobs"]
    assert (listed["job_id"], listed["source"]["kind"]) == (accepted["job_id"], "job")
    assert listed["source"]["job_id"] == parent.id
    assert listed["options"]["diarization_args"]["num_speakers"] == 2


def test_an_empty_body_leaves_the_number_to_the_diarizer(acme: httpx.Client, parent: Job) -> None:
    assert ask(acme, parent, {}).status_code == 202


def test_the_same_key_makes_no_second_job(acme: httpx.Client, parent: Job) -> None:
    first = ask(acme, parent, {}, **{"Idempotency-Key": "k"})
    second = ask(acme, parent, {}, **{"Idempotency-Key": "k"})
    assert first.json()["job_id"] == second.json()["job_id"]
    assert second.headers["idempotent-replay"] == "true"
    other = ask(acme, parent, {"priority": 1}, **{"Idempotency-Key": "k"})
    problem(other, 409, "idempotency_key_reused")


def test_another_tenant_finds_no_job(api: Api, parent: Job) -> None:
    problem(ask(api.client(tenant="other"), parent, {}), 404, "job_not_found")


def test_states_that_do_not_allow_it_are_told_apart(api: Api, acme: httpx.Client) -> None:
    waiting = api.world.submit()
    problem(ask(acme, waiting, {}), 409, "job_not_completed")
    problem(ask(acme, api.world.completed(), {}), 409, "job_not_diarized")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"diarization_args": {"num_speakers": 0}}, "diarization_args.num_speakers"),
        ({"diarization_args": {"speakers": 2}}, "diarization_args.speakers"),
        ({"language": "he"}, "language"),
        ({"same_webhook": True, "webhook_url": AUDIO_URL}, "same_webhook"),
        ({"webhook_events": ["transcription.completed"]}, "webhook_events"),
        ({"metadata": {"a": 1}}, "metadata.a"),
        ({"retention_seconds": -1}, "retention_seconds"),
        ({"priority": 11}, "priority"),
    ],
)
def test_what_can_not_be_accepted_is_named(
    acme: httpx.Client, parent: Job, body: dict[str, Any], field: str
) -> None:
    answer = ask(acme, parent, body)
    assert answer.status_code in {400, 422}
    assert field in answer.text
