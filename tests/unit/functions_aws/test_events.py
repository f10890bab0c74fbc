"""Envelopes as AWS documents them, and envelopes that nobody documents."""

from __future__ import annotations

import json
from typing import Any

import pytest

from functions.events import (
    BatchJobChanged,
    ObjectCreated,
    Tick,
    read_event,
    read_webhook_message,
)
from shared.domain.errors import InvalidRequest
from shared.domain.events import EventType
from shared.domain.messages import DeliveryDue, JobEvent
from tests.support.functions_aws import documented, documented_names

BATCH_JOB = "4c7599ae-0a82-49aa-ba5a-4727fcce14a8"


@pytest.mark.parametrize("name", [*documented_names("intake"), *documented_names("sweep")])
def test_every_documented_event_is_read(name: str) -> None:
    kind = ObjectCreated if name.startswith("intake") else (BatchJobChanged, Tick)
    assert isinstance(read_event(documented(name)), kind)


def test_an_object_is_known_by_its_key_and_version() -> None:
    found = read_event(documented("intake/multipart_completed"))
    assert found == ObjectCreated(
        key="tenants/acme/inbox/long.wav",
        version="id:IYV3p45BT0ac8hjHg1houSdS1a.Mro8e",
        reason="CompleteMultipartUpload",
    )


@pytest.mark.parametrize(
    ("absent", "version"),
    [(["version-id"], "etag:b1946ac92492d2347c6235b4d2611184"), (["version-id", "etag"], None)],
)
def test_without_versions_an_object_is_known_by_its_tag(
    absent: list[str], version: str | None
) -> None:
    event = documented("intake/dropped")
    for name in absent:
        del event["detail"]["object"][name]
    found = read_event(event)
    assert isinstance(found, ObjectCreated)
    assert found.version == version


@pytest.mark.parametrize(
    ("name", "ended", "running", "failed"),
    [
        ("batch_running", (), True, False),
        ("batch_running_second_attempt", (f"{BATCH_JOB}#1",), True, False),
        ("batch_runnable_after_host_loss", (f"{BATCH_JOB}#1",), False, False),
        ("batch_succeeded", (f"{BATCH_JOB}#1", f"{BATCH_JOB}#2"), False, False),
        ("batch_failed", (f"{BATCH_JOB}#1",), False, True),
        ("batch_terminated_before_start", (), False, True),
    ],
)
def test_a_batch_event_names_the_attempts_that_are_over(
    name: str, ended: tuple[str, ...], *, running: bool, failed: bool
) -> None:
    found = read_event(documented(f"sweep/{name}"))
    assert isinstance(found, BatchJobChanged)
    assert (found.ended, found.running, found.failed) == (ended, running, failed)


def test_an_attempt_that_still_runs_is_not_over() -> None:
    event = documented("sweep/batch_running")
    event["detail"]["attempts"] = [{"container": {}, "startedAt": 1795688520123}]
    found = read_event(event)
    assert isinstance(found, BatchJobChanged)
    assert found.ended == ()


def test_times_of_batch_are_seconds() -> None:
    found = read_event(documented("sweep/batch_running"))
    assert isinstance(found, BatchJobChanged)
    assert (found.created_at, found.started_at) == (1795688400.058, 1795688520.123)


def test_the_webhook_queue_holds_events_and_due_deliveries() -> None:
    bodies = [record["body"] for record in documented("webhook/mixed_with_poison")["Records"]]
    event = read_webhook_message(bodies[0])
    assert isinstance(event, JobEvent)
    assert event.type is EventType.TRANSCRIPTION_PROCESSING
    assert read_webhook_message(bodies[1]) == DeliveryDue(
        delivery_id="job_01jz0000000000000000000002_completed"
    )
    with pytest.raises(InvalidRequest):
        read_webhook_message(bodies[2])


def broken(name: str, *path: str, to: Any) -> dict[str, Any]:
    event = documented(name)
    inner = event
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = to
    return event


NOT_OURS: list[Any] = [
    None,
    [],
    "text",
    {},
    {"Records": []},
    {"source": "aws.s3", "detail-type": "Object Deleted", "detail": {}},
    {"source": "aws.s3", "detail-type": "Object Created"},
    {"source": "tamlil", "detail-type": "transcription.completed", "detail": {"version": 2}},
    broken("intake/dropped", "detail", "object", to=None),
    broken("intake/dropped", "detail", "object", "key", to=""),
    broken("intake/dropped", "detail", "object", "key", to=7),
    broken("sweep/batch_failed", "detail", "jobId", to=None),
    broken("sweep/batch_failed", "detail", "attempts", to="two"),
    broken("sweep/batch_failed", "detail", "attempts", to=3),
]


@pytest.mark.parametrize("event", NOT_OURS)
def test_what_aws_does_not_document_is_told_and_not_guessed(event: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_event(event)
    assert caught.value.code in ("invalid_message", "invalid_document")
    assert not caught.value.retryable


def test_odd_attempts_and_times_do_no_harm() -> None:
    event = documented("sweep/batch_failed")
    event["detail"] |= {"attempts": [None, 7], "createdAt": "now", "startedAt": None}
    found = read_event(event)
    assert isinstance(found, BatchJobChanged)
    assert (len(found.ended), found.created_at, found.started_at) == (2, None, None)


@pytest.mark.parametrize("body", ["", "not JSON", "[]", "7", json.dumps({"delivery_id": 7})])
def test_a_message_that_nobody_sent_is_poison(body: str) -> None:
    with pytest.raises(InvalidRequest):
        read_webhook_message(body)
