from __future__ import annotations

from dataclasses import replace

import pytest

from shared.domain.errors import NotFound, Unavailable
from shared.domain.job import Job, Status
from shared.services.cancel_job import cancel_job
from shared.services.dispatch_job import dispatch_job
from shared.services.submission import UploadAudio
from shared.services.sweep import SweepReport, sweep
from shared.services.work_on_job import complete_job
from tests.support.faults import ProcessDied, be_unavailable
from tests.support.world import World, bytes_audio, make_transcript


def step(world: World, seconds: float) -> SweepReport:
    world.clock.advance(seconds)
    return sweep(world.platform)


def test_nothing_is_due_at_first(world: World) -> None:
    world.submit()
    assert sweep(world.platform) == SweepReport(seen=0, troubled=0)


def test_a_message_that_was_never_sent_is_sent(world: World) -> None:
    world.faults.once("before queue.send")
    with pytest.raises(ProcessDied):
        world.submit()
    assert world.queued() == []
    assert step(world, world.platform.timing.redispatch_seconds) == SweepReport(seen=1, troubled=0)
    assert len(world.queued()) == 1


def test_a_pending_job_is_sent_again_and_again_until_somebody_claims_it(world: World) -> None:
    job = world.submit()
    world.queued()
    for _ in range(3):
        step(world, world.platform.timing.longest_redispatch_seconds)
        assert world.queued() == [job.id]
    world.claim(job)
    step(world, 1)
    assert world.queued() == []


def test_a_queue_that_is_down_is_tried_again_next_time(world: World) -> None:
    job = world.submit()
    world.queued()
    world.faults.always("before queue.send")
    assert step(world, world.platform.timing.redispatch_seconds).troubled == 0
    world.faults.clear()
    step(world, world.platform.timing.redispatch_seconds)
    assert world.queued() == [job.id]


def test_a_silent_workers_job_waits_again_and_the_worker_is_ended(world: World) -> None:
    job = world.processing(execution="e-8")
    step(world, world.platform.timing.lease_seconds)
    after = world.job(job)
    assert (after.status, after.failures, after.worker) == (Status.PENDING, 1, None)
    assert after.error is not None
    assert after.error.code == "worker_lost"
    assert world.launcher.stopped == ["e-8"]


def test_a_job_whose_workers_all_go_silent_fails_in_the_end(world: World) -> None:
    job = world.submit()
    for _ in range(3):
        world.claim(job)
        step(world, world.platform.timing.lease_seconds)
        world.clock.advance(60)
    assert world.status(job) is Status.FAILED
    assert [str(event.type) for event in world.published()].count("transcription.failed") == 1


def test_a_worker_that_renews_just_in_time_is_left_alone(world: World) -> None:
    """It must not be stopped either: the sweep has looked at an older record."""
    from shared.services.work_on_job import report_progress

    job = world.processing(execution="e-8")
    world.clock.advance(world.platform.timing.lease_seconds)
    world.faults.once(
        "before jobs.replace",
        lambda: report_progress(
            world.platform, job.id, attempt=1, stage=job.stage, progress=0.5
        ),
    )  # fmt: skip
    sweep(world.platform)
    assert world.status(job) is Status.PROCESSING
    assert world.launcher.stopped == []


def test_a_worker_that_completes_just_in_time_goes_on_to_its_next_job(world: World) -> None:
    job = world.processing(execution="warm")
    world.clock.advance(world.platform.timing.lease_seconds)
    world.faults.once(
        "before jobs.replace", lambda: complete_job(world.platform, job, make_transcript())
    )
    sweep(world.platform)
    assert world.status(job) is Status.COMPLETED
    assert world.launcher.stopped == []


def test_an_event_that_the_bus_did_not_take_is_published_later(world: World) -> None:
    world.faults.always("before events.publish")
    done = world.completed()
    assert world.published() == []
    assert step(world, world.platform.timing.outbox_retry_seconds).troubled == 0
    assert [event.id for event in world.job(done).outbox] == [
        f"{done.id}_processing", f"{done.id}_completed",
    ]  # fmt: skip
    world.faults.clear()
    step(world, world.platform.timing.outbox_retry_seconds)
    assert [event.event_id for event in world.published()] == [
        f"{done.id}_processing", f"{done.id}_completed",
    ]  # fmt: skip
    assert world.job(done).outbox == ()
    assert world.job(done).wake_at is None


def test_a_bus_that_is_down_is_not_asked_all_the_time(world: World) -> None:
    world.faults.always("before events.publish")
    world.completed()
    step(world, world.platform.timing.outbox_retry_seconds)
    assert sweep(world.platform).seen == 0


def test_retention_erases_everything(world: World) -> None:
    job = world.completed(audio=bytes_audio(), retention_seconds=100.0)
    step(world, 99)
    assert world.status(job) is Status.COMPLETED
    step(world, 1)
    with pytest.raises(NotFound):
        world.job(job)
    assert world.blob_files() == []


def test_retention_counts_from_the_end_of_the_job(world: World) -> None:
    job = world.submit(retention_seconds=10.0)
    step(world, 1000)
    assert world.status(job) is Status.PENDING
    cancel_job(world.platform, tenant="acme", job_id=job.id)
    step(world, 10)
    with pytest.raises(NotFound):
        world.job(job)


def test_without_retention_a_job_stays(world: World) -> None:
    job = world.completed()
    assert step(world, 1e9).seen == 0
    assert world.status(job) is Status.COMPLETED


def test_one_record_that_makes_trouble_does_not_stop_the_others(world: World) -> None:
    erased = world.completed(retention_seconds=1.0)
    waiting = world.submit()
    awaiting = world.submit(audio=UploadAudio(upload_id="upl_" + "0" * 26))
    world.queued()
    world.faults.always("before blobs.delete_prefix")
    report = step(world, 10_000)
    assert report == SweepReport(seen=3, troubled=1)
    assert world.queued() == [waiting.id]
    assert world.status(awaiting) is Status.FAILED
    assert world.status(erased) is Status.COMPLETED


def test_records_that_cannot_be_mended_do_not_starve_the_others(world: World) -> None:
    for _ in range(3):
        world.completed(retention_seconds=1.0)
    world.clock.advance(100)
    waiting = world.submit()
    world.queued()
    world.faults.always("before blobs.delete_prefix")
    world.clock.advance(world.platform.timing.redispatch_seconds)
    assert sweep(world.platform, limit=3) == SweepReport(seen=3, troubled=3)
    assert sweep(world.platform, limit=3) == SweepReport(seen=1, troubled=0)
    assert world.queued() == [waiting.id]


def test_what_could_not_be_mended_is_tried_again(world: World) -> None:
    job = world.completed(retention_seconds=1.0)
    world.faults.always("before blobs.delete_prefix")
    step(world, 1)
    world.faults.clear()
    step(world, world.platform.timing.redispatch_seconds)
    with pytest.raises(NotFound):
        world.job(job)


def test_a_store_that_cannot_be_asked_is_told_to_the_caller(world: World) -> None:
    world.faults.always("before jobs.due")
    with pytest.raises(Unavailable):
        sweep(world.platform)


def test_a_sweep_that_dies_halfway_has_done_what_it_did(world: World) -> None:
    jobs = [world.submit() for _ in range(3)]
    world.queued()
    world.clock.advance(world.platform.timing.redispatch_seconds)
    world.faults.once("before queue.send", skip=1)
    with pytest.raises(ProcessDied):
        sweep(world.platform)
    step(world, world.platform.timing.redispatch_seconds)
    assert set(world.queued()) == {job.id for job in jobs}


def test_a_sweep_does_no_more_than_its_limit(world: World) -> None:
    for _ in range(5):
        world.submit()
    world.clock.advance(1000)
    assert sweep(world.platform, limit=2).seen == 2


def test_a_job_purged_during_the_sweep_counts_as_trouble_only(world: World) -> None:
    from shared.services.cancel_job import purge_job

    job = world.submit()
    world.clock.advance(1000)
    world.faults.once(
        "before jobs.get", lambda: purge_job(world.platform, tenant="acme", job_id=job.id)
    )
    assert sweep(world.platform) == SweepReport(seen=1, troubled=1)


def test_redispatch_of_a_job_cancelled_meanwhile_sends_nothing(world: World) -> None:
    job = world.submit()
    world.queued()
    world.clock.advance(1000)
    world.faults.once(
        "before jobs.replace", lambda: cancel_job(world.platform, tenant="acme", job_id=job.id)
    )
    sweep(world.platform)
    assert (world.status(job), world.queued()) == (Status.CANCELLED, [])


def test_a_launcher_that_is_down_does_not_keep_a_lost_lease(world: World) -> None:
    job = world.processing()
    world.faults.once("before launcher.stop", be_unavailable)
    assert step(world, world.platform.timing.lease_seconds).troubled == 1
    assert world.status(job) is Status.PENDING
    world.clock.advance(world.platform.timing.redispatch_seconds)
    assert dispatch_job(world.platform, job.id) is not None


def test_every_unfinished_job_has_a_time_to_be_looked_at(world: World) -> None:
    def unwatched(job: Job) -> bool:
        return not job.finished and job.wake_at is None

    jobs = [
        world.submit(),
        world.processing(),
        world.submit(audio=UploadAudio(upload_id="upl_" + "0" * 26)),
    ]
    assert [job for job in jobs if unwatched(world.job(job))] == []


def test_an_expired_record_is_erased_even_if_its_events_were_never_taken(world: World) -> None:
    platform = replace(world.platform, limits=replace(world.platform.limits, retention_seconds=5.0))
    world.platform = platform
    world.faults.always("before events.publish")
    job = world.completed()
    step(world, 6)
    with pytest.raises(NotFound):
        world.job(job)
