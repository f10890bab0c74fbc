from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from functions.observability.emit import MetricsLog
from functions.webhook import handle
from functions.webhook.batch import WebhookBatch
from shared.domain.deliveries import DeliveryStatus
from shared.domain.messages import DeliveryDue, JobEvent, encode
from shared.services.manage_webhooks import redeliver_webhook, send_test
from tests.support.faults import be_unavailable
from tests.support.functions_aws import (
    Emitted,
    documented,
    failed_ids,
    job_event_body,
    open_aws_world,
    sqs_event,
    told,
)
from tests.support.world import HOOK, HOOK_URL, Handler, World

FOREVER = 900.0


def accept(_: httpx.Request) -> httpx.Response:
    return httpx.Response(204)


def refuse(_: httpx.Request) -> httpx.Response:
    return httpx.Response(500)


def work_off(
    world: World, metrics: MetricsLog, handler: Handler, *bodies: str, seconds: float = FOREVER
) -> list[str]:
    with httpx.Client(transport=httpx.MockTransport(handler)) as client:
        batch = WebhookBatch(world.platform, metrics=metrics, client=client)
        return failed_ids(batch.handle(sqs_event(*bodies), time_left=lambda: seconds))


def completed(world: World) -> JobEvent:
    """The last event of a job whose caller wants to hear of it."""
    world.completed(webhook=HOOK)
    *_, last = world.published()
    return last


def due(event: JobEvent) -> str:
    return encode(DeliveryDue(delivery_id=event.event_id))


def test_an_event_is_delivered_at_once(
    world: World, metrics: MetricsLog, emitted: Callable[[], Emitted]
) -> None:
    seen: list[str] = []

    def note(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["webhook-id"])
        return httpx.Response(200)

    event = completed(world)
    assert work_off(world, metrics, note, job_event_body(event)) == []
    assert seen == [event.event_id]
    assert world.platform.deliveries.get(event.event_id).status is DeliveryStatus.DELIVERED
    assert told(world) == []
    found = emitted()
    assert found.of("WebhookAttempts", outcome="delivered") == [1.0]
    assert len(found.of("WebhookLatency")) == 1


def test_a_duplicated_event_is_delivered_and_counted_once(
    world: World, metrics: MetricsLog, emitted: Callable[[], Emitted]
) -> None:
    calls: list[httpx.Request] = []

    def note(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        return httpx.Response(200)

    body = job_event_body(completed(world))
    for _ in range(3):
        assert work_off(world, metrics, note, body) == []
    assert len(calls) == 1
    found = emitted()
    assert found.of("JobsEnded", status="completed") == [1.0]
    assert found.of("AudioHours") == [pytest.approx(2.0 / 3600)]


def test_a_retry_that_is_soon_due_has_a_message_of_its_own(
    world: World, metrics: MetricsLog, emitted: Callable[[], Emitted]
) -> None:
    event = completed(world)
    assert work_off(world, metrics, refuse, job_event_body(event)) == []
    assert emitted().of("WebhookAttempts", outcome="retry") == [1.0]
    assert told(world) == []
    world.clock.advance(6)
    assert told(world) == [event.event_id]
    assert work_off(world, metrics, accept, due(event)) == []
    delivery = world.platform.deliveries.get(event.event_id)
    assert (delivery.status, len(delivery.attempts)) == (DeliveryStatus.DELIVERED, 2)


def test_a_retry_that_is_due_later_is_left_to_the_sweep(world: World, metrics: MetricsLog) -> None:
    event = completed(world)
    work_off(world, metrics, refuse, job_event_body(event))
    for seconds in (6, 301):
        world.clock.advance(seconds)
        assert told(world) == [event.event_id]
        work_off(world, metrics, refuse, due(event))
    world.clock.advance(1801)
    assert told(world) == []
    assert world.platform.deliveries.get(event.event_id).next_attempt_at is not None


def test_a_message_for_a_delivery_that_is_not_due_sends_nothing(
    world: World, metrics: MetricsLog, emitted: Callable[[], Emitted]
) -> None:
    event = completed(world)
    work_off(world, metrics, refuse, job_event_body(event))
    emitted()
    assert work_off(world, metrics, accept, due(event), due(event)) == []
    assert len(world.platform.deliveries.get(event.event_id).attempts) == 1
    assert emitted().values == {}


def test_an_event_that_nobody_asked_for_is_counted_and_not_sent(
    world: World, metrics: MetricsLog, emitted: Callable[[], Emitted]
) -> None:
    world.completed()
    bodies = [job_event_body(event) for event in world.published()]
    assert work_off(world, metrics, refuse, *bodies) == []
    found = emitted()
    assert found.of("JobsEnded", status="completed") == [1.0]
    assert found.of("WebhookAttempts", outcome="retry") == []


def test_one_hanging_receiver_holds_up_no_other_of_its_batch(
    world: World, metrics: MetricsLog
) -> None:
    events = [completed(world) for _ in range(3)]
    together = threading.Barrier(3, timeout=10)

    def meet(_: httpx.Request) -> httpx.Response:
        together.wait()  # passes only when all three are being sent at once
        return httpx.Response(200)

    assert work_off(world, metrics, meet, *map(job_event_body, events)) == []


def test_a_batch_makes_one_client_however_many_threads_want_one(
    world: World, metrics: MetricsLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[httpx.Client] = []

    def make(_: object) -> httpx.Client:
        made.append(httpx.Client(transport=httpx.MockTransport(accept)))
        time.sleep(0.1)  # the others come meanwhile
        return made[-1]

    monkeypatch.setattr(handle, "webhook_client", make)
    events = [completed(world) for _ in range(5)]
    batch = WebhookBatch(world.platform, metrics=metrics)
    answer = batch.handle(sqs_event(*map(job_event_body, events)), time_left=lambda: FOREVER)
    for client in made:
        client.close()
    assert (failed_ids(answer), len(made)) == ([], 1)


def test_poison_in_a_batch_is_alone_given_back(
    world: World, metrics: MetricsLog, emitted: Callable[[], Emitted]
) -> None:
    event = completed(world)
    found = work_off(world, metrics, accept, "poison", job_event_body(event), "{}")
    assert found == ["m1", "m3"]
    assert world.platform.deliveries.get(event.event_id).status is DeliveryStatus.DELIVERED
    assert emitted().of("MessagesFailed", queue="webhooks") == [2.0]


def test_the_documented_batches_are_worked_off(world: World, metrics: MetricsLog) -> None:
    """Their jobs are gone from this deployment, which is no error; the poison is."""
    with httpx.Client(transport=httpx.MockTransport(refuse)) as client:
        batch = WebhookBatch(world.platform, metrics=metrics, client=client)
        for name in ("job_completed", "delivery_due"):
            answer = batch.handle(documented(f"webhook/{name}"), time_left=lambda: FOREVER)
            assert failed_ids(answer) == []
        poison = documented("webhook/mixed_with_poison")
        answer = batch.handle(poison, time_left=lambda: FOREVER)
    assert failed_ids(answer) == [poison["Records"][2]["messageId"]]


def test_a_store_that_is_away_brings_the_event_again(world: World, metrics: MetricsLog) -> None:
    body = job_event_body(completed(world))
    world.faults.always("before deliveries.create", be_unavailable)
    assert work_off(world, metrics, accept, body) == ["m1"]
    world.faults.clear()
    assert work_off(world, metrics, accept, body) == []


def test_an_attempt_is_not_begun_when_the_invocation_would_end_within_it(
    world: World, metrics: MetricsLog
) -> None:
    body = job_event_body(completed(world))
    timeout = world.platform.webhooks.timeout_seconds
    assert work_off(world, metrics, accept, body, seconds=timeout) == ["m1"]
    assert work_off(world, metrics, accept, body, seconds=timeout + 30) == []


def test_figures_of_a_completed_job(
    tmp_path: Path, metrics: MetricsLog, emitted: Callable[[], Emitted]
) -> None:
    with open_aws_world(tmp_path, cost_per_hour=1.8) as world:
        job = world.submit()
        world.clock.advance(30)
        claimed = world.claim(job)
        world.clock.advance(10)
        from shared.services.work_on_job import complete_job
        from tests.support.world import make_transcript

        complete_job(world.platform, claimed, make_transcript())
        work_off(world, metrics, accept, *map(job_event_body, world.published()))
    found = emitted()
    assert found.of("JobWait") == [30.0]
    assert found.of("JobDuration") == [40.0]
    assert found.of("RealTimeFactor") == [5.0]
    assert found.of("EstimatedCost") == [0.005]


def test_a_cancelled_job_ends_without_figures_of_audio(
    world: World, metrics: MetricsLog, emitted: Callable[[], Emitted]
) -> None:
    from shared.services.cancel_job import cancel_job

    cancel_job(world.platform, tenant="acme", job_id=world.submit().id)
    work_off(world, metrics, accept, *map(job_event_body, world.published()))
    found = emitted()
    assert found.of("JobsEnded", status="cancelled") == [1.0]
    assert found.of("AudioHours") == found.of("EstimatedCost") == []


def test_what_a_person_asks_for_is_sent_without_waiting_for_the_sweep(world: World) -> None:
    test = send_test(world.platform, tenant="acme", url=HOOK_URL)
    assert told(world) == [test.id]
    again = redeliver_webhook(world.platform, tenant="acme", delivery_id=test.id)
    assert told(world) == [again.id]


def test_a_retry_names_its_tenant_so_that_the_queue_can_be_fair(
    world: World, metrics: MetricsLog
) -> None:
    queue = world.platform.webhook_queue
    groups: list[object] = []

    class Watched:
        def send(self, body: str, **more: object) -> str:
            groups.append(more["group"])
            return ""

        def __getattr__(self, name: str) -> object:
            return getattr(queue, name)

    world.platform = replace(world.platform, webhook_queue=Watched())  # type: ignore[arg-type] # one method is what the test watches
    assert work_off(world, metrics, refuse, job_event_body(completed(world))) == []
    assert groups == ["acme"]


def test_a_queue_that_is_away_costs_no_attempt(world: World, metrics: MetricsLog) -> None:
    event = completed(world)
    queue = world.platform.webhook_queue

    class Away:
        def send(self, body: str, **_: object) -> str:
            be_unavailable()
            return ""

        def __getattr__(self, name: str) -> object:
            return getattr(queue, name)

    world.platform = replace(world.platform, webhook_queue=Away())  # type: ignore[arg-type] # one method is what the test breaks
    assert work_off(world, metrics, refuse, job_event_body(event)) == []
    assert len(world.platform.deliveries.get(event.event_id).attempts) == 1
