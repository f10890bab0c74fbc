from __future__ import annotations

from dataclasses import replace

import pytest

from shared.domain.errors import Unavailable
from shared.domain.job import JobError, Status
from shared.ports.platform import Platform
from shared.services.cancel_job import cancel_job, purge_job
from shared.services.dispatch_job import Dispatch, dispatch_job
from shared.services.sweep import sweep
from shared.services.work_on_job import fail_attempt
from tests.support.faults import ProcessDied, be_unavailable
from tests.support.world import World


def allowing(world: World, *, workers: int = 1, launches: int = 5) -> Platform:
    limits = replace(world.platform.limits, max_workers=workers, max_launches=launches)
    return replace(world.platform, limits=limits)


def test_a_waiting_job_gets_a_worker(world: World) -> None:
    job = world.submit()
    assert dispatch_job(world.platform, job.id) is Dispatch.LAUNCHED
    assert [job_id for _, job_id in world.launcher.started] == [job.id]
    assert world.job(job).launches == 1


def test_a_duplicated_message_starts_no_second_worker(world: World) -> None:
    platform = allowing(world, workers=4)
    job = world.submit()
    dispatch_job(platform, job.id)
    assert dispatch_job(platform, job.id) is Dispatch.WORKER_BUSY
    assert len(world.launcher.started) == 1


def test_a_message_of_a_purged_job_is_done(world: World) -> None:
    job = world.submit()
    purge_job(world.platform, tenant="acme", job_id=job.id)
    assert dispatch_job(world.platform, job.id) is Dispatch.NOTHING_TO_DO


def test_a_job_that_is_claimed_or_over_needs_no_worker(world: World) -> None:
    held, over = world.processing(), world.submit()
    cancel_job(world.platform, tenant="acme", job_id=over.id)
    found = {dispatch_job(world.platform, job.id) for job in (held, over)}
    assert found == {Dispatch.NOTHING_TO_DO}
    assert world.launcher.started == []


def test_a_job_that_backs_off_gets_no_worker_yet(world: World) -> None:
    job = world.processing()
    fail_attempt(world.platform, job, JobError(code="x", detail="y", retryable=True))
    assert dispatch_job(world.platform, job.id) is Dispatch.NOTHING_TO_DO
    world.clock.advance(world.platform.timing.retry_backoff_seconds)
    assert dispatch_job(world.platform, job.id) is Dispatch.LAUNCHED


def test_no_more_workers_than_the_limit(world: World) -> None:
    platform = allowing(world, workers=2)
    jobs = [world.submit() for _ in range(4)]
    found = [dispatch_job(platform, job.id) for job in jobs]
    assert found.count(Dispatch.LAUNCHED) == 2
    assert found.count(Dispatch.WORKER_BUSY) == 2
    assert len(world.launcher.running) == 2


def test_a_warm_worker_that_is_free_is_enough(world: World) -> None:
    world.launcher.running.add("warm")
    job = world.submit()
    assert dispatch_job(allowing(world, workers=3), job.id) is Dispatch.WORKER_BUSY
    assert world.launcher.started == []


def test_a_warm_worker_that_is_busy_is_not_counted_as_free(world: World) -> None:
    world.launcher.running.add("execution-9")
    world.processing(execution="execution-9")
    job = world.submit()
    assert dispatch_job(allowing(world, workers=3), job.id) is Dispatch.LAUNCHED


def test_a_job_that_found_no_free_worker_is_looked_at_again(world: World) -> None:
    platform = allowing(world, workers=1)
    first, second = world.submit(), world.submit()
    dispatch_job(platform, first.id)
    dispatch_job(platform, second.id)
    world.queued()
    world.launcher.running.clear()
    world.clock.advance(platform.timing.redispatch_seconds)
    sweep(platform)
    assert sorted(world.queued()) == sorted([first.id, second.id])


def test_workers_that_never_claim_are_not_started_for_ever(world: World) -> None:
    platform = allowing(world, launches=3)
    job = world.submit()
    for _ in range(3):
        assert dispatch_job(platform, job.id) is Dispatch.LAUNCHED
        world.launcher.running.clear()
        world.clock.advance(platform.timing.redispatch_seconds)
    assert dispatch_job(platform, job.id) is Dispatch.GAVE_UP
    failed = world.job(job)
    assert failed.status is Status.FAILED
    assert failed.error is not None
    assert failed.error.code == "worker_not_starting"
    assert len(world.launcher.started) == 3


def test_a_claim_starts_the_count_of_launches_anew(world: World) -> None:
    job = world.submit()
    dispatch_job(world.platform, job.id)
    assert world.claim(job).launches == 0


def test_giving_up_does_not_overwrite_a_claim_that_came_first(world: World) -> None:
    platform = allowing(world, launches=1)
    job = world.submit()
    dispatch_job(platform, job.id)
    world.launcher.running.clear()
    world.faults.once("before jobs.replace", lambda: world.claim(job))
    dispatch_job(platform, job.id)
    assert world.status(job) is Status.PROCESSING


def test_of_two_dispatchers_at_once_one_starts_a_worker(world: World) -> None:
    platform = allowing(world, workers=4)
    job = world.submit()
    world.faults.once("before jobs.replace", lambda: dispatch_job(platform, job.id))
    assert dispatch_job(platform, job.id) is Dispatch.NOTHING_TO_DO
    assert len(world.launcher.started) == 1


def test_a_launcher_that_is_down_brings_the_message_back_and_costs_no_launch(
    world: World,
) -> None:
    job = world.submit()
    world.faults.always("before launcher.start")
    for _ in range(10):
        with pytest.raises(Unavailable):
            dispatch_job(world.platform, job.id)
    assert (world.status(job), world.job(job).launches) == (Status.PENDING, 0)
    world.faults.clear()
    assert dispatch_job(world.platform, job.id) is Dispatch.LAUNCHED


def test_a_failed_launch_does_not_hide_behind_a_store_that_fails_too(world: World) -> None:
    job = world.submit()
    world.faults.always("before launcher.start")
    world.faults.once("before jobs.replace", be_unavailable, skip=1)
    with pytest.raises(Unavailable):
        dispatch_job(world.platform, job.id)
    assert world.job(job).launches == 1


def test_a_dispatcher_that_dies_before_the_start_is_mended_by_the_sweep(world: World) -> None:
    job = world.submit()
    world.queued()
    world.faults.once("before launcher.start")
    with pytest.raises(ProcessDied):
        dispatch_job(world.platform, job.id)
    world.clock.advance(world.platform.timing.redispatch_seconds)
    sweep(world.platform)
    assert world.queued() == [job.id]
    assert dispatch_job(world.platform, job.id) is Dispatch.LAUNCHED
