from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
import standardwebhooks

from shared.domain.codec import to_document
from shared.domain.events import EventType
from shared.domain.job import JobError, PayloadMode, WebhookTarget
from shared.services.build_payload import iso_time
from shared.services.cancel_job import cancel_job
from shared.services.manage_webhooks import rotate_secret, send_test, signing_secrets
from shared.services.work_on_job import fail_attempt
from tests.support.receiver import ModelReceiver
from tests.support.world import HOOK, HOOK_URL, World, make_transcript

LEGACY = WebhookTarget(url=HOOK_URL, mode=PayloadMode.LEGACY)


def sent(world: World) -> httpx.Request:
    """The one request that the recorded events cause."""
    receiver = ModelReceiver()
    for delivery in world.record_events():
        world.deliver(delivery, receiver)
    (request,) = receiver.requests
    return request


def body(request: httpx.Request) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(request.content)
    return found


def configure(world: World, **changes: Any) -> None:
    world.platform = replace(
        world.platform, webhooks=replace(world.platform.webhooks, **changes)
    )  # fmt: skip


@contextmanager
def real_time(world: World) -> Iterator[None]:
    """`standardwebhooks` compares with the machine's clock; play that moment."""
    import time

    world.clock.start = time.time()
    yield


def fail(world: World, target: WebhookTarget) -> None:
    error = JobError(code="no_audio_stream", detail="the file has no audio stream")
    job = world.processing(webhook=target, recording_id="r1")
    fail_attempt(world.platform, job, error)


def test_the_signature_is_accepted_by_a_verifier_that_is_not_ours(world: World) -> None:
    with real_time(world):
        world.completed(webhook=HOOK)
        request = sent(world)
        (secret,) = signing_secrets(world.platform, "acme")
        verifier = standardwebhooks.Webhook(secret)
        assert verifier.verify(request.content, dict(request.headers)) == body(request)


def test_while_a_secret_rotates_both_verify(world: World) -> None:
    with real_time(world):
        (old,) = signing_secrets(world.platform, "acme")
        new = rotate_secret(world.platform, "acme")
        world.completed(webhook=HOOK)
        request = sent(world)
        for secret in (old, new):
            assert standardwebhooks.Webhook(secret).verify(request.content, dict(request.headers))


def test_another_tenants_secret_does_not_verify(world: World) -> None:
    with real_time(world):
        (theirs,) = signing_secrets(world.platform, "globex")
        world.completed(webhook=HOOK)
        request = sent(world)
        with pytest.raises(standardwebhooks.WebhookVerificationError):
            standardwebhooks.Webhook(theirs).verify(request.content, dict(request.headers))


def test_the_legacy_header_signs_the_exact_body(world: World) -> None:
    configure(world, legacy_secret="s3cret")
    world.completed(webhook=HOOK)
    request = sent(world)
    expected = hmac.new(b"s3cret", request.content, hashlib.sha256).hexdigest()
    assert request.headers["x-webhook-signature"] == expected


def test_headers_that_are_not_configured_are_not_sent(world: World) -> None:
    world.completed(webhook=HOOK)
    headers = sent(world).headers
    assert not {"x-webhook-signature", "x-vercel-protection-bypass"} & set(headers)
    assert headers["content-type"] == "application/json"


def test_the_vercel_bypass_token_is_sent(world: World) -> None:
    configure(world, vercel_bypass="token")
    world.completed(webhook=HOOK)
    assert sent(world).headers["x-vercel-protection-bypass"] == "token"


def test_a_completed_job_brings_its_transcript(world: World) -> None:
    job = world.completed(webhook=HOOK, recording_id="r1", metadata={"k": "v"})
    assert body(sent(world)) == {
        "type": "transcription.completed",
        "timestamp": iso_time(world.clock.now()),
        "data": {
            "job_id": job.id,
            "recording_id": "r1",
            "status": "completed",
            "metadata": {"k": "v"},
            "error": None,
            "transcript": json.loads(json.dumps(to_document(make_transcript()))),
        },
    }


def test_a_long_transcript_is_a_signed_url_that_outlives_the_attempt(world: World) -> None:
    configure(world, inline_transcript_bytes=10)
    world.completed(webhook=HOOK)
    data = body(sent(world))["data"]
    assert "transcript" not in data
    assert data["transcript_url"].startswith("http://127.0.0.1")
    assert "signature=" in data["transcript_url"]


def test_a_failed_job_brings_code_and_detail(world: World) -> None:
    fail(world, HOOK)
    data = body(sent(world))["data"]
    assert data["status"] == "failed"
    assert data["error"] == {"code": "no_audio_stream", "detail": "the file has no audio stream"}
    assert "transcript" not in data


def test_a_cancelled_job_says_so(world: World) -> None:
    job = world.submit(webhook=HOOK)
    cancel_job(world.platform, tenant="acme", job_id=job.id)
    data = body(sent(world))["data"]
    assert (data["status"], data["error"]) == ("cancelled", None)


def test_a_processing_event_tells_of_that_moment_even_if_it_is_sent_late(world: World) -> None:
    target = WebhookTarget(url=HOOK_URL, events=(EventType.TRANSCRIPTION_PROCESSING,))
    world.completed(webhook=target)
    found = body(sent(world))
    assert (found["type"], found["data"]["status"]) == ("transcription.processing", "processing")
    assert "transcript" not in found["data"]


def test_the_legacy_body_of_a_completed_job(world: World) -> None:
    world.completed(webhook=LEGACY, recording_id="r1")
    found = body(sent(world))
    assert set(found) == {"recording_id", "status", "timestamp", "transcription", "error"}
    assert (found["recording_id"], found["status"], found["error"]) == ("r1", "transcribed", None)
    assert found["transcription"]["text"] == "Shalom, world."


def test_the_legacy_body_of_a_long_transcript_names_its_url(world: World) -> None:
    configure(world, inline_transcript_bytes=10)
    world.completed(webhook=LEGACY)
    found = body(sent(world))
    assert found["transcription"] is None
    assert "signature=" in found["transcript_url"]


def test_the_legacy_body_of_a_failed_job(world: World) -> None:
    fail(world, LEGACY)
    found = body(sent(world))
    assert (found["status"], found["error"], found["transcription"]) == (
        "transcription_failed", "the file has no audio stream", None,
    )  # fmt: skip


def test_the_legacy_body_of_a_cancelled_job(world: World) -> None:
    job = world.submit(webhook=LEGACY)
    cancel_job(world.platform, tenant="acme", job_id=job.id)
    found = body(sent(world))
    assert (found["status"], found["error"]) == ("transcription_failed", "cancelled")


def test_the_legacy_body_of_a_job_that_begins(world: World) -> None:
    events = (EventType.TRANSCRIPTION_PROCESSING,)
    world.processing(webhook=replace(LEGACY, events=events))
    assert body(sent(world))["status"] == "transcribing"


def test_letters_of_any_script_are_sent_as_they_are(world: World) -> None:
    world.completed(webhook=HOOK, metadata={"שם": "שיחה"})
    assert "שיחה".encode() in sent(world).content


@pytest.mark.parametrize("mode", list(PayloadMode))
def test_a_test_event_is_signed_and_says_what_it_is(world: World, mode: PayloadMode) -> None:
    with real_time(world):
        delivery = send_test(world.platform, tenant="acme", url=HOOK_URL, mode=mode)
        receiver = ModelReceiver()
        world.deliver(delivery, receiver)
        (request,) = receiver.requests
        (secret,) = signing_secrets(world.platform, "acme")
        standardwebhooks.Webhook(secret).verify(request.content, dict(request.headers))
        assert b"This is a test" in request.content
        assert ("type" in body(request)) == (mode is PayloadMode.STANDARD)


def test_times_are_iso_8601_in_utc_with_milliseconds() -> None:
    assert iso_time(1_800_000_000.1239) == "2027-01-15T08:00:00.123Z"
