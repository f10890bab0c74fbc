from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from email.utils import formatdate

import httpx
import pytest

from shared.domain.deliveries import DEFAULT_SCHEDULE, Delivery, DeliveryStatus
from shared.domain.errors import NotFound, UrlRefused
from shared.services.cancel_job import purge_job
from shared.services.deliver_webhook import deliver_webhook
from shared.services.manage_webhooks import redeliver_webhook
from tests.support.faults import ProcessDied
from tests.support.receiver import ModelReceiver
from tests.support.world import HOOK, HOOK_URL, World

LOCK_SECONDS = 30.0  # the request's timeout of 15 s and as much again


def due(world: World) -> Delivery:
    """A delivery of a completed job, not yet sent."""
    world.completed(webhook=HOOK)
    (delivery,) = world.record_events()
    return delivery


def stored(world: World, delivery: Delivery) -> Delivery:
    return world.deployment.platform.deliveries.get(delivery.id)


def attempt(world: World, delivery: Delivery, receiver: ModelReceiver) -> Delivery:
    after = world.deliver(delivery, receiver)
    assert after is not None
    return after


def test_a_success_is_recorded(world: World) -> None:
    receiver = ModelReceiver()
    after = attempt(world, due(world), receiver)
    assert (after.status, after.next_attempt_at) == (DeliveryStatus.DELIVERED, None)
    assert [(a.status_code, a.error) for a in after.attempts] == [(200, None)]
    assert stored(world, after) == after


def test_after_a_success_it_is_never_sent_again(world: World) -> None:
    receiver = ModelReceiver()
    delivery = due(world)
    attempt(world, delivery, receiver)
    for _ in range(20):
        world.clock.advance(10_000)
        assert world.deliver(delivery, receiver) is None
    assert world.platform.deliveries.due(now=world.clock.now(), limit=10) == ()
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("status", [100, 300, 301, 302, 304, 307, 308, 400, 404, 429, 500, 503])
def test_anything_but_2xx_is_a_failure(world: World, status: int) -> None:
    receiver = ModelReceiver(answers=[status])
    after = attempt(world, due(world), receiver)
    assert after.status is DeliveryStatus.PENDING
    assert after.attempts[0].error == f"the receiver answered {status}"
    assert after.next_attempt_at == world.clock.now() + DEFAULT_SCHEDULE[1]


def test_a_redirect_is_not_followed(world: World) -> None:
    receiver = ModelReceiver(answers=[302], headers={"location": "https://evil.example.com/"})
    attempt(world, due(world), receiver)
    assert [str(request.url) for request in receiver.requests] == [HOOK_URL]


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_every_2xx_is_a_success(world: World, status: int) -> None:
    after = attempt(world, due(world), ModelReceiver(answers=[status]))
    assert after.status is DeliveryStatus.DELIVERED


def test_the_schedule_is_kept_and_then_given_up(world: World) -> None:
    receiver = ModelReceiver(answers=[500] * 20)
    delivery = due(world)
    gaps = []
    while (wake := stored(world, delivery).wake_at) is not None:
        gaps.append(wake - world.clock.now())
        world.clock.advance(gaps[-1] - 0.001)
        if gaps[-1]:
            assert world.deliver(delivery, receiver) is None
        world.clock.advance(0.001)
        attempt(world, delivery, receiver)
    after = stored(world, delivery)
    assert gaps == pytest.approx(DEFAULT_SCHEDULE)
    assert after.status is DeliveryStatus.FAILED
    assert len(receiver.requests) == len(after.attempts) == len(DEFAULT_SCHEDULE)
    assert {request.headers["webhook-id"] for request in receiver.requests} == {delivery.id}


def test_it_succeeds_on_a_later_attempt(world: World) -> None:
    receiver = ModelReceiver(answers=[500, 503, 200])
    delivery = due(world)
    for wait in DEFAULT_SCHEDULE[:3]:
        world.clock.advance(wait)
        attempt(world, delivery, receiver)
    assert stored(world, delivery).status is DeliveryStatus.DELIVERED


def test_gone_switches_the_hook_off_for_this_tenant(world: World) -> None:
    first, second = due(world), due(world)
    after = attempt(world, first, ModelReceiver(answers=[410]))
    assert (after.status, after.next_attempt_at) == (DeliveryStatus.SWITCHED_OFF, None)
    assert world.platform.deliveries.is_switched_off("acme", HOOK_URL)
    assert not world.platform.deliveries.is_switched_off("globex", HOOK_URL)
    receiver = ModelReceiver()
    assert attempt(world, second, receiver).status is DeliveryStatus.SWITCHED_OFF
    assert receiver.requests == []


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("120", 120.0),
        ("1", 5.0),
        ("99999999999999", 86_400.0),
        ("0", 5.0),
        ("soon", 5.0),
        ("-7", 5.0),
        ("", 5.0),
        ("Mon, 99 Foo 2099", 5.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 5.0),
        ("Wed, 21 Oct 9999 07:28:00 -0000", 86_400.0),
        ("Wed, 21 Oct 0001 07:28:00 -0000", 5.0),
        ("\u0661\u0662", 5.0),
    ],
)
def test_retry_after_in_seconds_is_honoured_within_reason(
    world: World, value: str, wait: float
) -> None:
    receiver = ModelReceiver(answers=[503], headers={"retry-after": value.encode()})
    after = attempt(world, due(world), receiver)
    assert after.next_attempt_at == world.clock.now() + wait


@pytest.mark.parametrize("zone", ["GMT", "-0000", "+0000"])
def test_retry_after_as_a_date_is_honoured(world: World, zone: str) -> None:
    moment = formatdate(world.clock.now() + 600, usegmt=True).replace("GMT", zone)
    receiver = ModelReceiver(answers=[429], headers={"retry-after": moment})
    after = attempt(world, due(world), receiver)
    assert after.next_attempt_at == pytest.approx(world.clock.now() + 600, abs=1)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (httpx.ReadTimeout("slow"), "no answer within 15 seconds"),
        (httpx.ConnectTimeout("slow"), "no answer within 15 seconds"),
        (httpx.ConnectError("refused"), "ConnectError: the receiver could not be reached"),
        (httpx.RemoteProtocolError("x"), "RemoteProtocolError: the receiver could not be reached"),
        (httpx.InvalidURL("x"), "InvalidURL: the receiver could not be reached"),
        (UrlRefused("url leads to a private address, which is not allowed"),
         "url leads to a private address, which is not allowed"),
    ],
)  # fmt: skip
def test_what_keeps_the_receiver_from_answering_is_logged_and_tried_again(
    world: World, fault: Exception, error: str
) -> None:
    after = attempt(world, due(world), ModelReceiver(faults=[fault]))
    assert after.status is DeliveryStatus.PENDING
    assert [(a.status_code, a.error) for a in after.attempts] == [(None, error)]


def test_how_long_the_receiver_took_is_logged(world: World) -> None:
    receiver = ModelReceiver(during=lambda: world.clock.advance(1.25))
    assert attempt(world, due(world), receiver).attempts[0].duration_seconds == 1.25


def test_a_second_deliverer_finds_it_locked(world: World) -> None:
    delivery = due(world)
    inner = ModelReceiver()
    seen: list[Delivery | None] = []
    outer = ModelReceiver(during=lambda: seen.append(world.deliver(delivery, inner)))
    attempt(world, delivery, outer)
    assert (seen, inner.requests, len(outer.requests)) == ([None], [], 1)


def test_of_two_deliverers_that_lock_at_once_one_sends(world: World) -> None:
    delivery = due(world)
    receiver = ModelReceiver()
    world.faults.once("before deliveries.replace", lambda: world.deliver(delivery, receiver))
    assert world.deliver(delivery, receiver) is None
    assert len(receiver.requests) == 1


def test_a_death_between_send_and_record_sends_the_same_id_again_after_the_lock(
    world: World,
) -> None:
    delivery = due(world)
    receiver = ModelReceiver()
    world.faults.once("before deliveries.replace", skip=1)
    with pytest.raises(ProcessDied):
        world.deliver(delivery, receiver)
    world.clock.advance(LOCK_SECONDS - 1)
    assert world.deliver(delivery, receiver) is None
    world.clock.advance(1)
    assert attempt(world, delivery, receiver).status is DeliveryStatus.DELIVERED
    assert [r.headers["webhook-id"] for r in receiver.requests] == [delivery.id] * 2
    assert receiver.requests[0].content == receiver.requests[1].content


def overtaken(
    world: World, delivery: Delivery, *, first: ModelReceiver, second: ModelReceiver
) -> Delivery:
    """The first deliverer hangs until its lock is over; the second one sends meanwhile."""

    def overtake() -> None:
        world.clock.advance(LOCK_SECONDS)
        world.deliver(delivery, second)

    first.during = overtake
    attempt(world, delivery, first)
    return stored(world, delivery)


@pytest.mark.parametrize("late", [500, 410])
def test_a_late_failure_does_not_undo_a_success(world: World, late: int) -> None:
    """Else the event would be sent again after the receiver has said that it has it."""
    delivery = due(world)
    after = overtaken(
        world, delivery, first=ModelReceiver(answers=[late]), second=ModelReceiver()
    )  # fmt: skip
    assert (after.status, after.next_attempt_at) == (DeliveryStatus.DELIVERED, None)
    assert sorted(a.status_code or 0 for a in after.attempts) == sorted([200, late])


def test_a_late_success_ends_the_schedule(world: World) -> None:
    delivery = due(world)
    after = overtaken(
        world, delivery, first=ModelReceiver(), second=ModelReceiver(answers=[500])
    )  # fmt: skip
    assert (after.status, after.next_attempt_at) == (DeliveryStatus.DELIVERED, None)


def test_a_late_failure_leaves_the_schedule_to_the_one_who_holds_it(world: World) -> None:
    delivery = due(world)
    after = overtaken(
        world, delivery, first=ModelReceiver(answers=[500]), second=ModelReceiver(answers=[500])
    )  # fmt: skip
    assert (after.scheduled, len(after.attempts)) == (1, 2)


def test_a_late_gone_switches_the_hook_off(world: World) -> None:
    delivery = due(world)
    after = overtaken(
        world, delivery, first=ModelReceiver(answers=[410]), second=ModelReceiver(answers=[500])
    )  # fmt: skip
    assert after.status is DeliveryStatus.SWITCHED_OFF


def test_a_redelivery_during_the_lock_is_refused_and_afterwards_possible(world: World) -> None:
    from shared.domain.errors import VersionConflict

    delivery = due(world)
    refused: list[VersionConflict] = []

    def ask() -> None:
        try:
            redeliver_webhook(world.platform, tenant="acme", delivery_id=delivery.id)
        except VersionConflict as exc:
            refused.append(exc)

    attempt(world, delivery, ModelReceiver(during=ask))
    assert len(refused) == 1
    redeliver_webhook(world.platform, tenant="acme", delivery_id=delivery.id)
    receiver = ModelReceiver()
    assert attempt(world, delivery, receiver).status is DeliveryStatus.DELIVERED
    assert receiver.requests[0].headers["webhook-id"] == delivery.id


def test_a_delivery_of_a_purged_job_is_erased_and_not_sent(world: World) -> None:
    delivery = due(world)
    assert delivery.job_id is not None
    world.deployment.platform.jobs.delete(world.deployment.platform.jobs.get(delivery.job_id))
    receiver = ModelReceiver()
    assert world.deliver(delivery, receiver) is None
    assert receiver.requests == []
    with pytest.raises(NotFound):
        stored(world, delivery)


def test_a_job_purged_while_its_webhook_is_sent_leaves_no_delivery(world: World) -> None:
    delivery = due(world)
    job_id = delivery.job_id or ""
    receiver = ModelReceiver(
        during=lambda: purge_job(world.platform, tenant="acme", job_id=job_id)
    )  # fmt: skip
    world.deliver(delivery, receiver)
    with pytest.raises(NotFound):
        stored(world, delivery)


def test_an_unknown_delivery_is_nothing_to_do(world: World) -> None:
    with httpx.Client(transport=httpx.MockTransport(ModelReceiver())) as client:
        assert deliver_webhook(world.platform, "evt_unknown", client=client) is None


def test_a_transcript_that_cannot_be_read_uses_up_the_schedule_instead_of_looping(
    world: World,
) -> None:
    job = world.completed(webhook=HOOK)
    assert job.result is not None
    (delivery,) = world.record_events()
    world.platform.blobs.delete(job.result.key)
    receiver = ModelReceiver()
    after = attempt(world, delivery, receiver)
    assert receiver.requests == []
    assert after.next_attempt_at == world.clock.now() + DEFAULT_SCHEDULE[1]
    assert "can't be read" in (after.attempts[0].error or "")


def test_attempts_are_counted(world: World) -> None:
    def counted(outcome: str) -> float:
        return world.platform.metrics.read().get(
            f'tamlil_webhook_attempts_total{{outcome="{outcome}"}}', 0.0
        )

    attempt(world, due(world), ModelReceiver())
    attempt(world, due(world), ModelReceiver(answers=[500]))
    attempt(world, due(world), ModelReceiver(answers=[410]))
    assert [counted(o) for o in ("delivered", "retry", "switched_off")] == [1.0, 1.0, 1.0]


def test_a_schedule_of_ones_own_is_kept(world: World) -> None:
    world.platform = replace(
        world.platform, webhooks=replace(world.platform.webhooks, schedule=(0.0, 1.0, 2.0))
    )
    delivery = due(world)
    advance: Callable[[float], None] = world.clock.advance
    for wait in (0.0, 1.0, 2.0):
        advance(wait)
        attempt(world, delivery, ModelReceiver(answers=[500]))
    assert stored(world, delivery).status is DeliveryStatus.FAILED


@pytest.mark.parametrize(
    "value", ["Fri, 31 Dec 99999999999999999999 23:59:59 GMT", "Fri, 31 Dec 9999999999 23:59:59"]
)
def test_a_retry_after_without_sense_does_not_undo_a_success(world: World, value: str) -> None:
    delivery = due(world)
    after = attempt(world, delivery, ModelReceiver(headers={"retry-after": value}))
    assert after.status is DeliveryStatus.DELIVERED


def test_a_fault_of_ours_uses_up_the_schedule_instead_of_looping(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = ModelReceiver(faults=[RuntimeError("secret detail")])
    after = attempt(world, due(world), receiver)
    assert after.next_attempt_at == world.clock.now() + DEFAULT_SCHEDULE[1]
    assert "secret detail" not in (after.attempts[0].error or "")
    assert "secret detail" in caplog.text


def test_a_redirect_to_a_name_without_sense_is_the_receivers_failure(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = ModelReceiver(answers=[302], headers={"location": "http://xn--a/"})
    after = attempt(world, due(world), receiver)
    assert "could not be reached" in (after.attempts[0].error or "")
    assert not caplog.records
