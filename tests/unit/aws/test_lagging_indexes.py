"""The services stay right while DynamoDB's indexes show the table as it was a moment ago."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from shared.adapters.aws.dynamo_table import DynamoTable
from shared.adapters.aws.index_reader import Entry, matching
from shared.domain.deliveries import DeliveryStatus
from shared.domain.errors import NotFound
from shared.domain.job import Stage, Status
from shared.ports.delivery_store import DeliveryQuery
from shared.ports.job_store import JobQuery
from shared.services.cancel_job import cancel_job, purge_job
from shared.services.claim_job import claim_job, claim_next
from shared.services.dispatch_job import Dispatch, dispatch_job
from shared.services.sweep import execution_ended, sweep
from shared.services.work_on_job import release_job, report_progress
from tests.support.aws_world import DynamoWorld, open_dynamo_world
from tests.support.world import HOOK


@pytest.fixture
def world(tmp_path: Path) -> Iterator[DynamoWorld]:
    with open_dynamo_world(tmp_path / "data", lagging=True) as opened:
        yield opened


def catch_up(world: DynamoWorld) -> None:
    assert world.indexes is not None
    world.indexes.catch_up()


def test_a_job_that_the_index_does_not_show_yet_is_read_dispatched_and_counted(
    world: DynamoWorld,
) -> None:
    job = world.submit(idempotency_key="k")
    assert claim_next(world.platform, worker="w", execution=None) is None
    assert world.submit(idempotency_key="k").id == job.id
    assert world.platform.jobs.counts()[Status.PENDING] == 1
    assert dispatch_job(world.platform, job.id) is Dispatch.LAUNCHED
    assert world.claim(job).attempt == 1


def test_a_job_that_the_sweep_misses_once_is_found_the_next_time(world: DynamoWorld) -> None:
    job = world.submit()
    world.queued()
    world.clock.advance(world.platform.timing.redispatch_seconds)
    assert sweep(world.platform).seen == 0
    catch_up(world)
    assert sweep(world.platform).seen == 1
    assert world.queued() == [job.id]


def test_no_job_is_claimed_twice_because_the_index_still_shows_it_pending(
    world: DynamoWorld,
) -> None:
    jobs = {world.submit().id, world.submit().id}
    catch_up(world)
    claimed = [claim_next(world.platform, worker=name, execution=None) for name in "abc"]
    assert {job.id for job in claimed if job is not None} == jobs
    assert claimed[2] is None


def test_a_cancelled_job_is_not_claimed(world: DynamoWorld) -> None:
    job = world.submit()
    catch_up(world)
    cancel_job(world.platform, tenant="acme", job_id=job.id)
    assert claim_next(world.platform, worker="w", execution=None) is None
    assert world.platform.jobs.pending(now=world.clock.now(), limit=9) == ()


def test_a_worker_whose_lease_is_renewed_is_left_alone_though_the_index_shows_it_due(
    world: DynamoWorld,
) -> None:
    job = world.processing(execution="e")
    catch_up(world)
    world.clock.advance(world.platform.timing.lease_seconds - 1)
    report_progress(world.platform, job.id, attempt=1, stage=Stage.TRANSCRIBING, progress=0.5)
    world.clock.advance(2)
    assert sweep(world.platform).seen == 0
    assert world.status(job) is Status.PROCESSING
    assert world.launcher.stopped == []


def test_the_end_of_an_execution_frees_no_job_that_another_holds_by_now(
    world: DynamoWorld,
) -> None:
    job = world.processing(execution="first")
    catch_up(world)
    release_job(world.platform, job)
    claim_job(world.platform, job.id, worker="w", execution="second")
    assert execution_ended(world.platform, "first") == 0
    held = world.job(job)
    assert (held.status, held.execution, held.failures) == (Status.PROCESSING, "second", 0)


def test_an_execution_that_ends_before_the_index_shows_its_claim_loses_its_lease(
    world: DynamoWorld,
) -> None:
    job = world.processing(execution="e")
    assert execution_ended(world.platform, "e") == 0
    catch_up(world)
    world.clock.advance(world.platform.timing.lease_seconds)
    assert sweep(world.platform).seen == 1
    assert world.status(job) is Status.PENDING


def test_a_list_gives_nothing_in_a_status_that_it_has_left(world: DynamoWorld) -> None:
    job = world.submit()
    catch_up(world)
    cancel_job(world.platform, tenant="acme", job_id=job.id)
    assert world.platform.jobs.query(JobQuery(tenant="acme", status=Status.PENDING)).jobs == ()
    (listed,) = world.platform.jobs.query(JobQuery(tenant="acme")).jobs
    assert listed == world.job(job), "what is listed is the record as it is now"


def test_what_was_erased_is_listed_no_longer_though_the_index_has_it(world: DynamoWorld) -> None:
    job = world.completed()
    catch_up(world)
    purge_job(world.platform, tenant="acme", job_id=job.id)
    assert world.platform.jobs.query(JobQuery(tenant="acme")).jobs == ()
    assert world.platform.jobs.due(now=world.clock.now() + 1e6, limit=9) == ()


def test_a_purge_erases_deliveries_that_no_index_shows_yet(world: DynamoWorld) -> None:
    job = world.completed(webhook=HOOK)
    (delivery,) = world.record_events()
    assert world.platform.deliveries.query(DeliveryQuery(tenant="acme")).deliveries == ()
    purge_job(world.platform, tenant="acme", job_id=job.id)
    with pytest.raises(NotFound):
        world.platform.deliveries.get(delivery.id)


def test_a_delivered_webhook_is_not_sent_again_though_the_index_shows_it_due(
    world: DynamoWorld,
) -> None:
    world.completed(webhook=HOOK)
    (delivery,) = world.record_events()
    catch_up(world)
    done = world.deliver(delivery, lambda _: httpx.Response(204))
    assert done is not None
    assert done.status is DeliveryStatus.DELIVERED
    now = world.clock.now() + 1e6
    assert world.platform.deliveries.due(now=now, limit=9) == ()
    assert world.platform.deliveries.due(now=now, limit=9, tenant="acme") == ()
    named = world.platform.deliveries.due_tenants(now=now, limit=9)
    assert named == ("acme",), "a tenant may be named in vain; asked for its own, it has nothing"
    assert world.deliver(delivery, lambda _: httpx.Response(500)) is None


def test_a_record_that_an_index_shows_at_two_places_is_given_once(world: DynamoWorld) -> None:
    """While an index follows a change, the entry that goes and the one that comes may overlap."""
    job = world.submit()
    key = (f"job#{job.id}", "job")
    found = matching(
        DynamoTable(world.aws.clients, world.aws.name),
        iter([Entry("a", key), Entry("b", key), Entry("c", ("job#gone", "job"))]),
        load=lambda item: item["version"]["N"],
        wanted=lambda _: True,
        limit=9,
    )
    assert found == ["1"]
