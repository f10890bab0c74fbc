from __future__ import annotations

import pytest

from shared.domain.deliveries import Delivery, DeliveryStatus
from shared.domain.errors import InvalidRequest, NotFound, UrlRefused
from shared.ports.delivery_store import DeliveryQuery
from shared.services.manage_webhooks import (
    list_deliveries,
    redeliver_webhook,
    rotate_secret,
    send_test,
    signing_secrets,
)
from tests.support.receiver import ModelReceiver
from tests.support.world import HOOK, HOOK_URL, World


def delivered(world: World) -> Delivery:
    world.completed(webhook=HOOK)
    (delivery,) = world.record_events()
    after = world.deliver(delivery, ModelReceiver())
    assert after is not None
    return after


def test_a_tenants_secret_is_made_once(world: World) -> None:
    first = signing_secrets(world.platform, "acme")
    assert signing_secrets(world.platform, "acme") == first
    assert signing_secrets(world.platform, "globex") != first


def test_a_rotation_keeps_the_one_before_and_drops_the_older(world: World) -> None:
    first = rotate_secret(world.platform, "acme")
    second = rotate_secret(world.platform, "acme")
    assert list(signing_secrets(world.platform, "acme")) == [second, first]
    third = rotate_secret(world.platform, "acme")
    assert list(signing_secrets(world.platform, "acme")) == [third, second]


def test_a_redelivery_sends_a_delivered_event_again_because_somebody_asked(world: World) -> None:
    delivery = delivered(world)
    again = redeliver_webhook(world.platform, tenant="acme", delivery_id=delivery.id)
    assert (again.status, again.scheduled, len(again.attempts)) == (DeliveryStatus.PENDING, 0, 1)
    receiver = ModelReceiver()
    after = world.deliver(again, receiver)
    assert after is not None
    assert after.status is DeliveryStatus.DELIVERED
    assert receiver.ids() == {delivery.id: 1}


def test_a_redelivery_switches_the_hook_on_again(world: World) -> None:
    world.completed(webhook=HOOK)
    (delivery,) = world.record_events()
    world.deliver(delivery, ModelReceiver(answers=[410]))
    redeliver_webhook(world.platform, tenant="acme", delivery_id=delivery.id)
    assert not world.platform.deliveries.is_switched_off("acme", HOOK_URL)
    receiver = ModelReceiver()
    world.deliver(delivery, receiver)
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("tenant", ["globex", "acme"])
def test_anothers_delivery_is_as_absent_as_an_unknown_one(world: World, tenant: str) -> None:
    delivery = delivered(world)
    delivery_id = delivery.id if tenant == "globex" else "evt_unknown"
    with pytest.raises(NotFound) as caught:
        redeliver_webhook(world.platform, tenant=tenant, delivery_id=delivery_id)
    assert caught.value.code == "delivery_not_found"


def test_the_log_shows_a_tenants_own_deliveries(world: World) -> None:
    delivery = delivered(world)
    ours = list_deliveries(world.platform, DeliveryQuery(tenant="acme"))
    assert [d.id for d in ours.deliveries] == [delivery.id]
    assert list_deliveries(world.platform, DeliveryQuery(tenant="globex")).deliveries == ()


@pytest.mark.parametrize("limit", [0, -1, 201])
def test_the_log_has_a_limit(world: World, limit: int) -> None:
    with pytest.raises(InvalidRequest) as caught:
        list_deliveries(world.platform, DeliveryQuery(tenant="acme", limit=limit))
    assert caught.value.field == "limit"


def test_a_test_event_is_scheduled_at_once_and_switches_the_hook_on(world: World) -> None:
    world.platform.deliveries.switch_off("acme", HOOK_URL, now=world.clock.now())
    delivery = send_test(world.platform, tenant="acme", url=HOOK_URL)
    assert (delivery.job_id, delivery.event_type) == (None, "webhook.test")
    assert delivery.next_attempt_at == world.clock.now()
    receiver = ModelReceiver()
    world.deliver(delivery, receiver)
    assert receiver.ids() == {delivery.id: 1}


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "ftp://x.example.com/", "nonsense"])
def test_a_test_event_goes_to_no_address_that_may_not_be_called(world: World, url: str) -> None:
    with pytest.raises(UrlRefused):
        send_test(world.platform, tenant="acme", url=url)
    assert list_deliveries(world.platform, DeliveryQuery(tenant="acme")).deliveries == ()
