"""Faults between the SDK and the services, while the deployed stack works: jobs finish, once."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tamlil.receiver import WebhookReceiver
from tests.aws.support.client import FINISHED, Tenant
from tests.aws.support.faults import Faults, between, run_microburst
from tests.aws.support.queues import impatient, tick
from tests.aws.support.stack import Stack
from tests.aws.support.watch import watch
from tests.support.file_server import FileServer
from tests.support.waiting import wait_for

_JOBS = 4
_SECONDS = 240.0
#: What each service says when it is asked too much, and when it has a fault of its own.
_WORDS = {
    "dynamodb": ("ThrottlingException", 400, "InternalServerError", 500),
    "sqs": ("RequestThrottled", 403, "InternalFailure", 500),
    "s3": ("SlowDown", 503, "InternalError", 500),
    "events": ("ThrottlingException", 400, "InternalException", 500),
}
#: Of all requests to a service, in the storm.
_CHANCES = {"throttled": 0.10, "broken": 0.05, "reset": 0.03, "cut": 0.03}


#: One fault each that comes for certain, at the first request of the kind: the rest is chance.
#: The one that is cut short is of a request whose answer has a body.
_FIRST: dict[str, tuple[str, dict[str, str]]] = {
    "dynamodb": ("cut", {"operation": "GetItem"}),
    "sqs": ("broken", {}),
    "s3": ("throttled", {}),
    "events": ("reset", {}),
}


def _kinds(service: str) -> dict[str, dict[str, Any]]:
    """What a service does in each kind of fault."""
    throttled, its_status, broken, status = _WORDS[service]
    return {
        "throttled": {"error": {"code": throttled, "status": its_status}},
        "broken": {"error": {"code": broken, "status": status}},
        "reset": {"reset": True},
        "cut": {"response": {"abort_frac": 0.5}},
    }


def _storm() -> list[dict[str, Any]]:
    """Of the requests to each service one in ten is throttled, and others meet worse."""
    rules: list[dict[str, Any]] = []
    for service in _WORDS:
        kinds = _kinds(service)
        kind, which = _FIRST[service]
        rules.append(_rule(service, 1.0, times=1, **kinds[kind], **which))
        rules += [_rule(service, _CHANCES[name], **fault) for name, fault in kinds.items()]
    return rules


def _kind(service: str, action: str) -> str:
    """The kind of a fault that microburst tells of."""
    throttled, _, broken, _ = _WORDS[service]
    said = {
        f"error:{throttled}": "throttled",
        f"error:{broken}": "broken",
        "reset": "reset",
        "response:abort": "cut",
    }
    return said[action]


def _rule(service: str, probability: float, **fault: Any) -> dict[str, Any]:
    return {"service": service, "probability": probability, **fault}


@pytest.fixture(scope="module")
def faults(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faults]:
    log: Path = tmp_path_factory.mktemp("microburst") / "log"
    with run_microburst(stack.cloud, log) as found, between(stack, found):
        yield found


def test_without_faults_the_proxy_changes_nothing(
    faults: Faults, tenant: Tenant, audio: FileServer
) -> None:
    tenant.completed(tenant.submit(f"{audio.url}/short.wav"))


def test_in_a_storm_of_faults_every_job_finishes_once(
    stack: Stack, faults: Faults, tenant: Tenant, audio: FileServer
) -> None:
    bus, begun = stack.deployed.names["EventBus"], time.monotonic()
    with (
        WebhookReceiver() as receiver,
        watch(stack, bus, {"source": ["tamlil"]}) as seen,
        impatient(stack, "JobsQueue", "WebhookQueue"),
    ):
        faults.set(_storm())
        jobs = [
            _submit(tenant, f"{audio.url}/short.wav", f"key-{number}", receiver.url)
            for number in range(_JOBS)
        ]
        wait_for(lambda: _all_over(stack, tenant, jobs), seconds=_SECONDS)
        fired = faults.fired()
        faults.set([])
        assert [tenant.job(job_id)["status"] for job_id in jobs] == ["completed"] * _JOBS
        assert len(tenant.jobs()) == _JOBS, "a repeated submit made no second job"
        wait_for(lambda: _all_told(stack, tenant), seconds=_SECONDS)
        ids = Counter(webhook.headers["webhook-id"] for webhook in _received(receiver))
        assert len(ids) == _JOBS, "one completion a job"
        completions = {
            (it["detail"]["job_id"], it["detail"]["event_id"])
            for it in seen.look()
            if it["detail-type"] == "transcription.completed"
        }
        assert len(completions) == _JOBS, "each finished once, however often that was told"
    assert time.monotonic() - begun < _SECONDS
    met = {(service, _kind(service, action)) for service, action in fired}
    assert {(service, kind) for service, (kind, _) in _FIRST.items()} <= met, fired
    assert {service for service, _ in met} == set(_WORDS), fired
    assert {kind for _, kind in met} == set(_CHANCES), fired


@pytest.mark.parametrize(
    "rule",
    [
        _rule("dynamodb", 1.0, error={"code": "ThrottlingException", "status": 400}),
        _rule("dynamodb", 1.0, error={"code": "InternalServerError", "status": 500}),
        _rule("dynamodb", 1.0, reset=True),
    ],
    ids=["throttled", "broken", "reset"],
)
def test_a_table_that_never_answers_is_told_in_time(
    faults: Faults, tenant: Tenant, rule: dict[str, Any]
) -> None:
    faults.set([rule])
    begun = time.monotonic()
    answer = tenant.http.get("/api/v1/jobs")
    assert answer.status_code == 503, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert time.monotonic() - begun < 15, "long before API Gateway gives up"
    faults.set([])
    assert tenant.http.get("/api/v1/jobs").status_code == 200


def _submit(tenant: Tenant, url: str, key: str, webhook: str) -> str:
    """As a client does that repeats what was not answered well, with its idempotency key."""
    for _ in range(10):
        answer: httpx.Response = tenant.http.post(
            "/api/v1/transcribe",
            json={"url": url, "language": "en", "webhook_url": webhook},
            headers={"Idempotency-Key": key},
        )
        if answer.status_code == 202:
            return str(answer.json()["job_id"])
        assert answer.status_code in (500, 502, 503, 504), answer.text
        time.sleep(0.5)
    raise AssertionError(answer.text)


def _all_over(stack: Stack, tenant: Tenant, jobs: list[str]) -> bool:
    tick(stack)
    answers = [tenant.http.get(f"/api/v1/jobs/{job_id}") for job_id in jobs]
    return all(it.status_code == 200 and it.json()["status"] in FINISHED for it in answers)


def _all_told(stack: Stack, tenant: Tenant) -> bool:
    tick(stack)
    deliveries = tenant.deliveries()
    return [it["status"] for it in deliveries] == ["delivered"] * _JOBS


def _received(receiver: WebhookReceiver) -> Iterator[Any]:
    while (webhook := receiver.wait(0.5)) is not None:
        yield webhook
