"""Signatures, checked both ways against the specification's own Python package."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from datetime import UTC, datetime

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from shared.domain.errors import InvalidRequest, Unauthorized
from shared.webhooks.signing import new_secret, secret_bytes, sign, signed_headers, verify

BODY = '{"type":"transcription.completed","text":"שלום"}'.encode()
SECRET = new_secret()


def headers_for(*secrets: str, timestamp: int | None = None) -> dict[str, str]:
    stamp = int(time.time()) if timestamp is None else timestamp
    return signed_headers(event_id="evt_1", timestamp=stamp, body=BODY, secrets=secrets)


def test_the_reference_package_accepts_our_signature() -> None:
    document = Webhook(SECRET).verify(BODY, headers_for(SECRET))
    assert document["type"] == "transcription.completed"


def test_we_accept_the_signature_of_the_reference_package() -> None:
    now = datetime.now(tz=UTC)
    headers = {
        "Webhook-Id": "evt_1",
        "Webhook-Timestamp": str(int(now.timestamp())),
        "Webhook-Signature": Webhook(SECRET).sign("evt_1", now, BODY.decode()),
    }
    verify(headers, BODY, secrets=[SECRET], now=now.timestamp())


def test_while_a_secret_rotates_receivers_of_either_secret_accept() -> None:
    old, new = new_secret(), new_secret(24)
    headers = headers_for(old, new)
    assert len(headers["webhook-signature"].split(" ")) == 2
    for secret in (old, new):
        Webhook(secret).verify(BODY, headers)
        verify(headers, BODY, secrets=[secret], now=time.time())


def test_a_strangers_secret_is_refused_by_both() -> None:
    headers = headers_for(SECRET)
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(BODY, headers)
    with pytest.raises(Unauthorized, match="no signature") as caught:
        verify(headers, BODY, secrets=[new_secret()], now=time.time())
    assert caught.value.code == "invalid_signature"


def test_a_changed_body_is_refused() -> None:
    with pytest.raises(Unauthorized):
        verify(headers_for(SECRET), BODY + b" ", secrets=[SECRET], now=time.time())


@pytest.mark.parametrize("age", [-301, 301])
def test_a_timestamp_outside_the_tolerance_is_refused(age: int) -> None:
    headers = headers_for(SECRET, timestamp=1_000_000)
    verify(headers, BODY, secrets=[SECRET], now=1_000_300)
    with pytest.raises(Unauthorized, match="300 seconds"):
        verify(headers, BODY, secrets=[SECRET], now=1_000_000 + age)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
@pytest.mark.parametrize("value", [None, "", "é.x"])
def test_a_missing_or_malformed_header_is_refused(name: str, value: str | None) -> None:
    headers = headers_for(SECRET)
    del headers[name]
    if value is not None:
        headers[name] = value
    with pytest.raises(Unauthorized):
        verify(headers, BODY, secrets=[SECRET], now=time.time())


def test_the_legacy_header_is_the_hex_hmac_of_the_exact_body() -> None:
    headers = signed_headers(
        event_id="evt_1", timestamp=1, body=BODY, secrets=[], legacy_secret="whsec_ключ"
    )
    expected = hmac.new("whsec_ключ".encode(), BODY, hashlib.sha256).hexdigest()
    assert headers == {
        "webhook-id": "evt_1",
        "webhook-timestamp": "1",
        "X-Webhook-Signature": expected,
    }


def test_the_vercel_bypass_token_travels_only_when_configured() -> None:
    headers = signed_headers(
        event_id="evt_1", timestamp=1, body=BODY, secrets=[SECRET], vercel_bypass="token"
    )
    assert headers["x-vercel-protection-bypass"] == "token"
    assert "X-Webhook-Signature" not in headers
    assert "x-vercel-protection-bypass" not in headers_for(SECRET)


@pytest.mark.parametrize("size", [24, 64])
def test_a_new_secret_has_the_asked_bytes_and_is_never_the_same(size: int) -> None:
    first, second = new_secret(size), new_secret(size)
    assert first.startswith("whsec_")
    assert len(secret_bytes(first)) == size
    assert first != second


@pytest.mark.parametrize("size", [23, 65])
def test_a_secret_outside_the_specifications_size_is_refused(size: int) -> None:
    with pytest.raises(InvalidRequest, match="24 to 64"):
        new_secret(size)
    with pytest.raises(InvalidRequest, match=f"24 to 64 bytes, not {size}"):
        secret_bytes("whsec_" + base64.b64encode(bytes(size)).decode())


def test_a_malformed_secret_is_refused_without_being_quoted() -> None:
    with pytest.raises(InvalidRequest) as caught:
        sign("evt_1", 1, BODY, "whsec_hunter2!?")
    assert "hunter2" not in caught.value.detail


def test_a_secret_without_its_padding_is_the_same_key() -> None:
    assert secret_bytes(SECRET.rstrip("=")) == secret_bytes(SECRET)


def test_an_event_id_with_a_full_stop_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="event_id"):
        sign("evt.1", 1, BODY, SECRET)
