"""From each door to the transcript and the webhook, on the built and deployed stack."""

from __future__ import annotations

import json

from tamlil.receiver import WebhookReceiver
from tests.aws.support.client import BYPASS, Tenant
from tests.aws.support.sounds import Sounds
from tests.support.file_server import FileServer
from tests.support.waiting import wait_for


def test_a_url_becomes_a_transcript_with_speakers_and_a_signed_webhook(
    tenant: Tenant, audio: FileServer
) -> None:
    with WebhookReceiver() as receiver:
        job_id = tenant.submit(
            f"{audio.url}/dialog.flac", diarize=True, webhook_url=receiver.url, metadata={"a": "b"}
        )
        job = tenant.completed(job_id)
        transcript = tenant.transcript(job_id)
        assert "printing" in transcript["text"].lower()
        assert len(transcript["speakers"]) == 2
        assert 41 < job["audio_seconds"] < 43
        webhook = receiver.wait(30)
        assert webhook is not None
        told = tenant.verify(webhook)
        assert told["type"] == "transcription.completed"
        assert (told["data"]["job_id"], told["data"]["metadata"]) == (job_id, {"a": "b"})
        wait_for(lambda: tenant.deliveries()[0]["status"] == "delivered")
        assert receiver.wait(1) is None, "one event, one webhook"


def test_a_dropped_file_with_options_becomes_a_transcript_and_a_webhook(
    tenant: Tenant, sounds: Sounds
) -> None:
    with WebhookReceiver() as receiver:
        options = {"diarize": True, "language": "en", "webhook_url": receiver.url}
        tenant.stack.cloud.client("s3").put_object(
            Bucket=tenant.stack.deployed.names["Bucket"],
            Key=f"tenants/{tenant.name}/inbox/calls/monday 1.flac",
            Body=sounds.dialog,
            Metadata={"tamlil": json.dumps(options), "tamlil-recording-id": "call 1"},
        )
        (job,) = wait_for(tenant.jobs, seconds=30)
        done = tenant.completed(job["job_id"])
        assert done["recording_id"] == "call 1"
        assert len(tenant.transcript(job["job_id"])["speakers"]) == 2
        webhook = receiver.wait(30)
        assert webhook is not None
        assert tenant.verify(webhook)["data"]["recording_id"] == "call 1"


def test_a_header_that_an_operator_has_set_goes_with_a_webhook(tenant: Tenant) -> None:
    with WebhookReceiver() as receiver:
        asked = tenant.http.post("/api/v1/webhooks/test", json={"url": receiver.url})
        assert asked.status_code == 202, asked.text
        webhook = receiver.wait(60)
        assert webhook is not None
        assert tenant.verify(webhook)["type"] == "webhook.test"
        assert webhook.headers["x-vercel-protection-bypass"] == BYPASS
        assert "x-webhook-signature" not in webhook.headers, "that one was not set"
