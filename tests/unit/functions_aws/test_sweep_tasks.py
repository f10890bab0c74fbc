from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from functions.observability.emit import MetricsLog
from functions.sweep.due_deliveries import GRACE_SECONDS, send_due
from functions.sweep.tasks import handle_event
from shared.domain.deliveries import Delivery
from shared.domain.errors import InvalidRequest, Unavailable
from shared.domain.events import EventType
from shared.domain.job import JobError, Status
from shared.services.work_on_job import fail_attempt
from tests.support.faults import be_unavailable
from tests.support.functions_aws import Emitted, documented, told
from tests.support.world import HOOK_URL, World

BATCH_JOB = "4c7599ae-0a82-49aa-ba5a-4727fcce14a8"
DEADLINE = 55.0


def run(world: World, metrics: MetricsLog, name: str, *, seconds: float = DEADLINE) -> None:
    event = documented(f"sweep/{name}")
    handle_event(world.platform, event, metrics=metrics, time_left=lambda: seconds)


def add_delivery(world: World, number: int, *, tenant: str = "acme", due: float = 0.0) -> str:
    at = world.clock.now() + due
    delivery = Delivery(
        id=f"evt_{tenant}_{number:04d}",
        tenant=tenant,
        job_id=None,
        event_type=EventType.WEBHOOK_TEST,
        occurred_at=at,
        url=HOOK_URL,
        created_at=at,
        next_attempt_at=at,
    )
    return world.platform.deliveries.create(delivery).id


def test_the_schedule_mends_what_is_overdue(world: World, metrics: MetricsLog) -> None:
    job = world.submit()
    world.queued()
    world.clock.advance(120)
    run(world, metrics, "schedule")
    assert world.queued() == [job.id]


def test_more_than_one_round_is_mended_while_there_is_time(
    world: World, metrics: MetricsLog, emitted: Callable[[], Emitted]
) -> None:
    for _ in range(130):
        world.submit()
    world.clock.advance(120)
    run(world, metrics, "schedule")
    assert sum(emitted().of("SweptRecords")) == 130


def test_no_round_is_begun_when_time_runs_out(
    world: World, metrics: MetricsLog, emitted: Callable[[], Emitted]
) -> None:
    world.submit()
    world.clock.advance(120)
    run(world, metrics, "schedule", seconds=5.0)
    assert emitted().of("SweptRecords") == []


def test_due_deliveries_are_told_to_the_webhook_function(world: World, metrics: MetricsLog) -> None:
    now = add_delivery(world, 1)
    add_delivery(world, 2, due=3600)
    world.clock.advance(GRACE_SECONDS)
    run(world, metrics, "schedule")
    assert told(world) == [now]


def test_tenants_take_turns(world: World) -> None:
    for number in range(150):
        add_delivery(world, number, tenant="large")
    add_delivery(world, 0, tenant="small")
    world.clock.advance(GRACE_SECONDS)
    sent = send_due(world.platform, time_left=lambda: DEADLINE, stop_at=10.0)
    found = told(world)
    assert sent == len(found) == 101, "the large one's share and the small one's delivery"
    assert "evt_small_0000" in found[:2]


def test_while_many_messages_wait_none_is_added(world: World) -> None:
    add_delivery(world, 1)
    world.clock.advance(GRACE_SECONDS)
    queue = world.platform.webhook_queue
    assert queue is not None
    for _ in range(500):
        queue.send("waiting")
    assert send_due(world.platform, time_left=lambda: DEADLINE, stop_at=10.0) == 0


def test_one_tenants_retries_that_are_delayed_hold_up_nobody(world: World) -> None:
    delivery = add_delivery(world, 1)
    world.clock.advance(GRACE_SECONDS)
    queue = world.platform.webhook_queue
    assert queue is not None
    for _ in range(500):
        queue.send("a retry of somebody else's", delay_seconds=900)
    assert send_due(world.platform, time_left=lambda: DEADLINE, stop_at=10.0) == 1
    assert told(world) == [delivery]


def test_sending_stops_in_time(world: World) -> None:
    add_delivery(world, 1)
    world.clock.advance(GRACE_SECONDS)
    assert send_due(world.platform, time_left=lambda: 9.0, stop_at=10.0) == 0


def test_where_deliveries_are_looked_for_anyway_nothing_is_sent(world: World) -> None:
    embedded = replace(world.platform, webhook_queue=None)
    add_delivery(world, 1)
    world.clock.advance(GRACE_SECONDS)
    assert send_due(embedded, time_left=lambda: DEADLINE, stop_at=10.0) == 0


def test_the_state_is_counted(
    world: World, metrics: MetricsLog, emitted: Callable[[], Emitted]
) -> None:
    world.processing()
    world.submit()
    world.clock.advance(7)
    world.launcher.running.add("execution-1")
    run(world, metrics, "schedule")
    found = emitted()
    assert found.of("Jobs", status="processing") == [1.0]
    assert found.of("Jobs", status="pending") == [1.0]
    assert found.of("Jobs", status="failed") == [0.0]
    assert found.of("NextJobWait") == [7.0]
    assert found.of("ActiveWorkers") == [1.0]
    for queue in ("jobs", "webhooks"):
        assert len(found.of("QueueDepth", queue=queue)) == 1
        assert found.of("DeadLetters", queue=queue) == [0.0]


def test_a_job_that_waits_for_another_attempt_has_not_waited_since_it_was_made(
    world: World, metrics: MetricsLog, emitted: Callable[[], Emitted]
) -> None:
    """Else a job of hours whose worker is taken away pages at once."""
    job = world.processing()
    world.clock.advance(7200)
    fail_attempt(world.platform, job, JobError(code="x", detail="y", retryable=True))
    world.clock.advance(world.platform.timing.retry_backoff_seconds + 7)
    run(world, metrics, "schedule")
    assert emitted().of("NextJobWait") == [7.0]


def test_a_poison_message_shows_as_a_dead_letter(
    world: World, metrics: MetricsLog, emitted: Callable[[], Emitted]
) -> None:
    queue = world.deployment.platform.queue
    queue.send("poison")
    for _ in range(20):
        for message in queue.receive():
            queue.extend(message.receipt, visibility_seconds=0)
    run(world, metrics, "schedule")
    assert emitted().of("DeadLetters", queue="jobs") == [1.0]


def test_a_part_that_is_away_keeps_no_other_from_its_work(
    world: World, metrics: MetricsLog, emitted: Callable[[], Emitted]
) -> None:
    delivery = add_delivery(world, 1)
    world.clock.advance(120)
    world.faults.always("before jobs.due", be_unavailable)
    world.faults.always("before launcher.active", be_unavailable)
    run(world, metrics, "schedule")
    assert told(world) == [delivery]
    found = emitted()
    assert found.of("SweepTrouble") == [1.0]
    assert found.of("ActiveWorkers") == []
    assert found.of("Jobs", status="pending") == [0.0]


@pytest.mark.parametrize(
    "name", ["batch_runnable_after_host_loss", "batch_failed", "batch_running_second_attempt"]
)
def test_a_job_whose_container_died_is_pending_at_once(
    world: World, metrics: MetricsLog, emitted: Callable[[], Emitted], name: str
) -> None:
    job = world.processing(execution=f"{BATCH_JOB}#1")
    run(world, metrics, name)
    assert world.status(job) is Status.PENDING
    assert emitted().of("WorkersLost") == [1.0]


def test_the_next_attempt_keeps_its_job_when_the_first_is_told_late(
    world: World, metrics: MetricsLog
) -> None:
    job = world.processing(execution=f"{BATCH_JOB}#2")
    run(world, metrics, "batch_runnable_after_host_loss")
    assert world.status(job) is Status.PROCESSING


def test_a_container_that_ended_well_holds_nothing(
    world: World, metrics: MetricsLog, emitted: Callable[[], Emitted]
) -> None:
    run(world, metrics, "batch_succeeded")
    assert emitted().of("WorkersLost") == []


def test_starts_waits_and_failures_of_containers_are_counted(
    world: World, metrics: MetricsLog, emitted: Callable[[], Emitted]
) -> None:
    run(world, metrics, "batch_running")
    run(world, metrics, "batch_failed")
    found = emitted()
    assert found.of("GpuJobStarts") == [1.0]
    assert found.of("GpuJobWait") == [pytest.approx(120.065)]
    assert found.of("GpuJobFailures") == [1.0]


def test_a_store_that_is_away_brings_the_containers_event_again(
    world: World, metrics: MetricsLog
) -> None:
    world.faults.always("before jobs.held_by", be_unavailable)
    with pytest.raises(Unavailable):
        run(world, metrics, "batch_failed")


@pytest.mark.parametrize("event", [documented("intake/dropped"), {}, {"source": "aws.ec2"}])
def test_another_functions_event_is_refused(
    world: World, metrics: MetricsLog, event: dict[str, Any]
) -> None:
    with pytest.raises(InvalidRequest):
        handle_event(world.platform, event, metrics=metrics, time_left=lambda: DEADLINE)
