"""Signed uploads to the deployed bucket: what was signed holds, and the object starts the job."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tamlil.receiver import WebhookReceiver
from tests.aws.support.client import Tenant
from tests.aws.support.sounds import Sounds
from tests.support.waiting import wait_for

#: Announced above it, an upload goes in parts.
_PARTS_ABOVE_BYTES = 100 << 20


def _signed(tenant: Tenant, size: int, **options: Any) -> dict[str, Any]:
    answer = tenant.http.post(
        "/api/v1/uploads", json={"size_bytes": size, "transcribe": {"language": "en", **options}}
    )
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def _send(tenant: Tenant, signed: dict[str, Any], content: bytes, **fields: str) -> httpx.Response:
    return httpx.request(
        signed["method"], signed["url"], data=signed["fields"] | fields, files={"file": content},
        headers=signed["headers"], verify=tenant.stack.cloud.trust(), timeout=30,
    )  # fmt: skip


def test_a_signed_upload_becomes_a_transcript_with_speakers_and_a_signed_webhook(
    tenant: Tenant, sounds: Sounds
) -> None:
    with WebhookReceiver() as receiver:
        signed = _signed(tenant, len(sounds.dialog), diarize=True, webhook_url=receiver.url)
        job_id = signed["job_id"]
        assert tenant.job(job_id)["status"] == "awaiting_upload"
        sent = _send(tenant, signed, sounds.dialog)
        assert sent.status_code in (200, 201, 204), sent.text
        job = tenant.completed(job_id)
        transcript = tenant.transcript(job_id)
        assert "printing" in transcript["text"].lower()
        assert len(transcript["speakers"]) == 2
        assert 41 < job["audio_seconds"] < 43
        webhook = receiver.wait(30)
        assert webhook is not None
        told = tenant.verify(webhook)
        assert (told["type"], told["data"]["job_id"]) == ("transcription.completed", job_id)


def test_more_than_was_announced_is_refused(tenant: Tenant, sounds: Sounds) -> None:
    signed = _signed(tenant, len(sounds.short))
    sent = _send(tenant, signed, sounds.short + b"more")
    assert sent.status_code == 400
    assert "EntityTooLarge" in sent.text
    assert tenant.job(signed["job_id"])["status"] == "awaiting_upload"


def test_a_form_that_was_changed_is_refused(tenant: Tenant, sounds: Sounds) -> None:
    signed = _signed(tenant, len(sounds.short))
    other = _send(tenant, signed, sounds.short, key="tenants/somebody/inbox/a.wav")
    assert other.status_code == 403, other.text


@pytest.mark.slow
def test_a_large_upload_goes_in_parts(tenant: Tenant, sounds: Sounds) -> None:
    content = sounds.padded(_PARTS_ABOVE_BYTES + (1 << 20))
    signed = _signed(tenant, len(content))
    parts = signed["parts"]
    trusted = tenant.stack.cloud.trust()
    with httpx.Client(verify=trusted, timeout=60) as client:
        tags = []
        for number, url in enumerate(parts["urls"]):
            start = number * parts["part_bytes"]
            sent = client.put(url, content=content[start : start + parts["part_bytes"]])
            assert sent.status_code == 200, sent.text
            tags.append(sent.headers["ETag"])
        body = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>"
            for number, tag in enumerate(tags, start=1)
        )
        done = client.request(
            signed["method"], signed["url"], headers=signed["headers"],
            content=f"<CompleteMultipartUpload>{body}</CompleteMultipartUpload>",
        )  # fmt: skip
        assert done.status_code == 200, done.text
    wait_for(lambda: tenant.job(signed["job_id"])["status"] != "awaiting_upload", seconds=30)
    job = tenant.completed(signed["job_id"], seconds=300)
    assert job["audio_seconds"] > 3000
    assert "printing" in tenant.transcript(signed["job_id"])["text"].lower()
