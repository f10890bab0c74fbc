from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from fnmatch import fnmatchcase

import httpx
import pytest

from shared.adapters.kept_secrets import KEPT_SECONDS, KeptSecrets
from shared.domain.errors import InvalidRequest, Unavailable
from shared.services.webhook_headers import (
    DeploymentHeader,
    header_is_set,
    header_secret,
    remove_header,
    secret_name,
    set_header,
)
from tests.support.receiver import ModelReceiver
from tests.support.stack import environment, listed, statements
from tests.support.world import HOOK, World

LEGACY, VERCEL = DeploymentHeader.LEGACY_SIGNATURE, DeploymentHeader.VERCEL_BYPASS


def sent(world: World) -> httpx.Request:
    receiver = ModelReceiver()
    world.completed(webhook=HOOK)
    for delivery in world.record_events():
        world.deliver(delivery, receiver)
    (request,) = receiver.requests
    return request


def test_a_header_that_was_set_travels_with_every_webhook(world: World) -> None:
    set_header(world.platform, LEGACY, "old key")
    set_header(world.platform, VERCEL, "token")
    request = sent(world)
    expected = hmac.new(b"old key", request.content, hashlib.sha256).hexdigest()
    assert request.headers["x-webhook-signature"] == expected
    assert request.headers["x-vercel-protection-bypass"] == "token"


def test_a_header_that_was_removed_is_sent_no_longer(world: World) -> None:
    set_header(world.platform, LEGACY, "old key")
    assert remove_header(world.platform, LEGACY)
    assert not remove_header(world.platform, LEGACY)
    assert header_is_set(world.platform, LEGACY) is None
    assert header_secret(world.platform, LEGACY) is None
    world.clock.advance(KEPT_SECONDS)
    assert "x-webhook-signature" not in sent(world).headers
    assert list(world.platform.secrets.get(secret_name(LEGACY))) == [""], "nothing is left of it"


def test_the_environment_comes_before_the_store(world: World) -> None:
    set_header(world.platform, VERCEL, "from-the-store")
    assert header_is_set(world.platform, VERCEL) == "store"
    hooks = replace(world.platform.webhooks, vercel_bypass="from-the-environment")
    platform = replace(world.platform, webhooks=hooks)
    assert header_is_set(platform, VERCEL) == "environment"
    assert header_secret(platform, VERCEL) == "from-the-environment"
    assert header_secret(platform, LEGACY) is None


def test_a_change_counts_within_a_minute_and_the_store_is_not_asked_each_time(
    world: World,
) -> None:
    assert header_secret(world.platform, VERCEL) is None
    set_header(world.platform, VERCEL, "token")
    world.clock.advance(KEPT_SECONDS - 1)
    assert header_secret(world.platform, VERCEL) is None, "another process wrote it"
    world.clock.advance(1)
    assert header_secret(world.platform, VERCEL) == "token"


def test_what_is_kept_is_asked_for_again_when_it_is_old_or_was_written_here(world: World) -> None:
    store = world.platform.secrets
    kept = KeptSecrets(store, clock=world.clock)
    assert list(kept.get("a")) == []
    store.put("a", "one")
    assert list(kept.get("a")) == []
    kept.put("a", "two")
    assert list(kept.get("a")) == ["two", "one"]
    store.put("a", "three", keep=1)
    assert list(kept.get("a")) == ["two", "one"]
    world.clock.advance(-KEPT_SECONDS)
    assert list(kept.get("a")) == ["three"], "a clock that was set back keeps nothing longer"
    assert kept.put_if_absent("a", "four") == "three"
    assert kept.put_if_absent("b", "five") == "five"
    assert list(kept.get("b")) == ["five"]


@pytest.mark.parametrize(
    ("header", "value"),
    [
        (LEGACY, ""), (LEGACY, "two\nlines"), (LEGACY, "x" * 1025),
        (VERCEL, ""), (VERCEL, "two words"), (VERCEL, "a\r\nx-other: b"), (VERCEL, "\u05e9"),
    ],
)  # fmt: skip
def test_what_can_not_be_a_header_s_secret_is_refused_and_not_told(
    world: World, header: DeploymentHeader, value: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        set_header(world.platform, header, value)
    assert (caught.value.code, caught.value.field) == ("invalid_secret", "secret")
    assert not value or value not in caught.value.detail
    assert header_is_set(world.platform, header) is None


class Refusing:
    """A secret store that answers no question."""

    def __init__(self, code: str) -> None:
        self._code = code

    def get(self, name: str) -> list[str]:
        raise Unavailable(f"not {name}", code=self._code)


def test_a_store_that_may_not_be_asked_keeps_no_webhook_back(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    denied = Refusing("access_denied")
    world.platform = replace(world.platform, kept_secrets=denied)  # type: ignore[arg-type] # it is only asked
    assert "x-webhook-signature" not in sent(world).headers
    assert "may not be read" in caplog.text


def test_a_store_that_is_away_keeps_it_back_until_it_answers(world: World) -> None:
    away = Refusing("unavailable")
    platform = replace(world.platform, kept_secrets=away)  # type: ignore[arg-type] # it is only asked
    with pytest.raises(Unavailable):
        header_secret(platform, LEGACY)


@pytest.mark.parametrize("header", DeploymentHeader)
def test_the_webhook_function_may_read_it_on_aws(header: DeploymentHeader) -> None:
    """Secrets Manager's ARNs end in a hyphen and six characters of its own."""
    prefix = environment("WebhookFunction")["TAMLIL_AWS_SECRET_PREFIX"]
    arn = f"arn:aws:secretsmanager:eu-west-1:123456789012:secret:{prefix}/"
    allowed = [
        resource
        for statement in statements("WebhookRole")
        if "secretsmanager:GetSecretValue" in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    ]
    assert any(fnmatchcase(f"{arn}{secret_name(header)}-a1B2c3", it) for it in allowed)
