from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from shared.domain.deliveries import DeliveryStatus
from shared.domain.events import EventType
from shared.domain.job import Job, PayloadMode, Status, WebhookTarget
from shared.domain.messages import JobEvent
from shared.services.cancel_job import purge_job
from shared.services.publish_events import publish_events
from shared.services.record_event import record_event
from shared.services.sweep import sweep
from shared.services.work_on_job import complete_job
from tests.support.faults import ProcessDied, be_unavailable
from tests.support.world import HOOK, HOOK_URL, World, make_transcript

ALL = WebhookTarget(
    url=HOOK_URL,
    events=(EventType.TRANSCRIPTION_PROCESSING, EventType.TRANSCRIPTION_COMPLETED),
    mode=PayloadMode.LEGACY,
)


def event_of(job: Job, kind: EventType = EventType.TRANSCRIPTION_COMPLETED) -> JobEvent:
    return JobEvent(
        event_id=f"{job.id}_completed", type=kind, job_id=job.id, tenant=job.tenant,
        occurred_at=job.created_at,
    )  # fmt: skip


def test_events_are_published_with_the_change(world: World) -> None:
    job = world.completed()
    assert [(e.type, e.job_id, e.tenant) for e in world.published()] == [
        ("transcription.processing", job.id, "acme"),
        ("transcription.completed", job.id, "acme"),
    ]
    assert world.job(job).outbox == ()


def test_a_bus_that_is_down_leaves_the_event_in_the_record(world: World) -> None:
    world.faults.always("before events.publish")
    job = world.completed()
    assert job.status is Status.COMPLETED
    assert len(world.job(job).outbox) == 2
    assert world.job(job).wake_at is not None


def test_a_death_between_publish_and_strike_publishes_the_same_id_again(world: World) -> None:
    job = world.processing()
    world.published()
    world.faults.once("after events.publish")
    with pytest.raises(ProcessDied):
        complete_job(world.platform, job, make_transcript())
    world.clock.advance(world.platform.timing.outbox_retry_seconds)
    sweep(world.platform)
    assert [event.event_id for event in world.published()] == [f"{job.id}_completed"] * 2


def test_a_strike_that_comes_second_is_tried_on_the_newer_record(world: World) -> None:
    job = world.submit()
    world.faults.once(
        "after events.publish",
        lambda: complete_job(world.platform, world.job(job), make_transcript()),
    )
    world.claim(job)
    after = world.job(job)
    assert (after.status, after.outbox) == (Status.COMPLETED, ())


def test_a_strike_leaves_an_event_that_was_added_meanwhile(world: World) -> None:
    job = world.submit()

    def complete_while_the_bus_is_down() -> None:
        world.faults.always("before events.publish")
        complete_job(world.platform, world.job(job), make_transcript())

    world.faults.once("after events.publish", complete_while_the_bus_is_down)
    world.claim(job)
    assert [event.id for event in world.job(job).outbox] == [f"{job.id}_completed"]


def test_a_store_that_fails_at_the_strike_leaves_the_event_for_the_sweep(world: World) -> None:
    job = world.processing()
    world.faults.once("before jobs.replace", be_unavailable, skip=1)
    assert complete_job(world.platform, job, make_transcript()).status is Status.COMPLETED
    assert len(world.job(job).outbox) == 1


def test_an_event_of_a_job_purged_meanwhile_is_struck_from_nothing(world: World) -> None:
    world.faults.always("before events.publish")
    job = world.completed()
    world.faults.clear()
    world.faults.once(
        "after events.publish",
        lambda: purge_job(world.platform, tenant="acme", job_id=job.id),
    )
    assert publish_events(world.platform, world.job(job)).id == job.id


def test_what_the_bus_takes_in_part_is_finished_later(world: World) -> None:
    class HalfBus:
        def publish(self, events: Sequence[JobEvent]) -> frozenset[str]:
            return frozenset({events[0].event_id})

    world.faults.always("before events.publish")
    job = world.completed()
    world.faults.clear()
    platform = replace(world.platform, events=HalfBus())
    after = publish_events(platform, job)
    assert [event.id for event in after.outbox] == [f"{job.id}_completed"]
    assert after.outbox_retry_at == world.clock.now() + platform.timing.outbox_retry_seconds


def test_nothing_in_the_outbox_asks_nobody(world: World) -> None:
    world.faults.always("before events.publish")
    job = world.submit()
    assert publish_events(world.platform, job) == job


def test_an_event_becomes_one_delivery_due_at_once(world: World) -> None:
    job = world.completed(webhook=HOOK)
    (delivery,) = world.record_events()
    assert (delivery.id, delivery.job_id, delivery.url) == (f"{job.id}_completed", job.id, HOOK_URL)
    assert delivery.next_attempt_at == world.clock.now()
    due = world.platform.deliveries.due(now=world.clock.now(), limit=10)
    assert [d.id for d in due] == [delivery.id]


def test_a_duplicated_event_changes_nothing(world: World) -> None:
    job = world.completed(webhook=HOOK)
    first = record_event(world.platform, event_of(job))
    world.clock.advance(5)
    assert record_event(world.platform, event_of(job)) == first


def test_nobody_asked_to_hear_of_it(world: World) -> None:
    world.completed()
    assert world.record_events() == []


def test_only_the_subscribed_events_are_told(world: World) -> None:
    world.completed(webhook=HOOK)
    assert [d.event_type for d in world.record_events()] == ["transcription.completed"]
    world.completed(webhook=ALL)
    told = world.record_events()
    assert [d.event_type for d in told] == ["transcription.processing", "transcription.completed"]
    assert {d.mode for d in told} == {PayloadMode.LEGACY}


def test_a_hook_that_was_switched_off_is_left_alone(world: World) -> None:
    world.platform.deliveries.switch_off("acme", HOOK_URL, now=world.clock.now())
    world.completed(webhook=HOOK)
    (delivery,) = world.record_events()
    assert (delivery.status, delivery.next_attempt_at) == (DeliveryStatus.SWITCHED_OFF, None)


def test_another_tenants_switched_off_hook_is_not_ours(world: World) -> None:
    world.platform.deliveries.switch_off("globex", HOOK_URL, now=world.clock.now())
    world.completed(webhook=HOOK)
    assert [d.status for d in world.record_events()] == [DeliveryStatus.PENDING]


def test_an_event_of_a_purged_job_tells_nobody(world: World) -> None:
    job = world.completed(webhook=HOOK)
    purge_job(world.platform, tenant="acme", job_id=job.id)
    assert record_event(world.platform, event_of(job)) is None
