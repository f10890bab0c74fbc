from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from shared.domain.errors import Conflict, NotFound, StaleAttempt, Unavailable
from shared.domain.job import Job, JobError, Stage, Status
from shared.services.cancel_job import cancel_job, purge_job
from shared.services.claim_job import claim_job, claim_next
from shared.services.read_job import list_jobs
from shared.services.read_transcript import read_transcript
from shared.services.sweep import execution_ended, sweep
from shared.services.work_on_job import (
    complete_job,
    fail_attempt,
    release_job,
    report_progress,
)
from tests.support.faults import ProcessDied, be_unavailable
from tests.support.world import World, make_transcript

OURS = JobError(code="engine_failed", detail="it broke", retryable=True)
THEIRS = JobError(code="no_audio_stream", detail="a text file")


def progress(world: World, job: Job, value: float = 0.5, **changes: Any) -> Job:
    return report_progress(
        world.platform, job.id, attempt=job.attempt, stage=Stage.TRANSCRIBING, progress=value,
        **changes,
    )  # fmt: skip


def let_the_lease_run_out(world: World) -> None:
    world.clock.advance(world.platform.timing.lease_seconds)
    sweep(world.platform)
    world.clock.advance(60)


def test_a_claim_takes_the_job_once(world: World) -> None:
    job = world.submit()
    first = claim_job(world.platform, job.id, worker="a", execution="e1")
    second = claim_job(world.platform, job.id, worker="b", execution="e2")
    assert first is not None
    assert (first.attempt, first.worker, first.status) == (1, "a", Status.PROCESSING)
    assert second is None


def test_an_unknown_job_is_not_to_be_had(world: World) -> None:
    assert claim_job(world.platform, "job_x", worker="a", execution=None) is None


def test_a_claim_is_not_given_up_because_a_dispatcher_wrote_in_between(world: World) -> None:
    from shared.services.dispatch_job import dispatch_job

    job = world.submit()
    world.faults.once("before jobs.replace", lambda: dispatch_job(world.platform, job.id))
    assert claim_job(world.platform, job.id, worker="a", execution=None) is not None


def test_a_claim_that_always_comes_second_is_given_up(world: World) -> None:
    job = world.submit()
    real = world.deployment.platform.jobs
    world.faults.always("before jobs.replace", lambda: real.replace(real.get(job.id)))
    assert claim_job(world.platform, job.id, worker="a", execution=None) is None


def test_the_next_job_is_the_most_urgent_then_the_oldest(world: World) -> None:
    old = world.submit()
    world.clock.advance(1)
    young, urgent = world.submit(), world.submit(priority=5)
    order = [claim_next(world.platform, worker="a", execution=None) for _ in range(4)]
    assert [job.id if job else None for job in order] == [urgent.id, old.id, young.id, None]


def test_a_worker_whose_candidate_is_snatched_takes_another(world: World) -> None:
    first, second = world.submit(), world.submit()
    world.faults.once("before jobs.replace", lambda: world.claim(first))
    got = claim_next(world.platform, worker="b", execution=None)
    assert got is not None
    assert got.id == second.id


def test_progress_renews_the_lease_and_only_rises(world: World) -> None:
    job = world.processing()
    world.clock.advance(3)
    assert progress(world, job, 0.6, audio_seconds=12.5).progress == 0.6
    after = progress(world, job, 0.2)
    assert (after.progress, after.stage, after.audio_seconds) == (0.6, Stage.TRANSCRIBING, 12.5)
    assert after.lease_expires_at == world.clock.now() + world.platform.timing.lease_seconds


def test_a_renewed_lease_is_not_taken_away(world: World) -> None:
    job = world.processing()
    for _ in range(5):
        world.clock.advance(world.platform.timing.lease_seconds * 0.9)
        progress(world, job)
        sweep(world.platform)
    assert (world.status(job), world.job(job).attempt) == (Status.PROCESSING, 1)


def test_completion_is_one_write_with_its_event(world: World) -> None:
    job = world.processing()
    world.published()
    world.faults.always("before events.publish")
    done = complete_job(world.platform, job, make_transcript())
    assert done.status is Status.COMPLETED
    assert [event.id for event in done.outbox] == [f"{job.id}_completed"]
    assert done.result is not None
    assert (done.result.language, done.result.segments, done.audio_seconds) == ("en", 1, 2.0)
    assert read_transcript(world.platform, done) == make_transcript()


def test_a_stale_worker_cannot_complete_and_its_transcript_is_erased(world: World) -> None:
    stale = world.processing()
    let_the_lease_run_out(world)
    fresh = world.claim(stale)
    complete_job(world.platform, fresh, make_transcript(" the right one"))
    with pytest.raises(StaleAttempt):
        complete_job(world.platform, stale, make_transcript(" the wrong one"))
    assert read_transcript(world.platform, world.job(stale)).text == "the right one"
    assert len(world.blob_files()) == 1


@pytest.mark.parametrize(
    "write",
    [
        progress,
        lambda world, job: fail_attempt(world.platform, job, THEIRS),
        lambda world, job: release_job(world.platform, job),
    ],
    ids=["progress", "fail", "release"],
)
def test_a_stale_worker_is_refused_whatever_it_writes(
    world: World, write: Callable[[World, Job], Job]
) -> None:
    stale = world.processing()
    let_the_lease_run_out(world)
    fresh = world.claim(stale)
    with pytest.raises(StaleAttempt):
        write(world, stale)
    assert world.job(stale) == fresh


def test_a_completion_whose_answer_was_lost_may_be_repeated(world: World) -> None:
    """The transcript of the first, successful write must survive the second."""
    job = world.processing()
    world.faults.once("after jobs.replace", be_unavailable)
    with pytest.raises(Unavailable):
        complete_job(world.platform, job, make_transcript())
    again = complete_job(world.platform, job, make_transcript())
    assert again.status is Status.COMPLETED
    assert read_transcript(world.platform, again) == make_transcript()


def test_a_worker_that_dies_between_transcript_and_record_loses_only_its_attempt(
    world: World,
) -> None:
    job = world.processing()
    world.faults.once("after blobs.put")
    with pytest.raises(ProcessDied):
        complete_job(world.platform, job, make_transcript())
    let_the_lease_run_out(world)
    done = complete_job(world.platform, world.claim(job), make_transcript(" second"))
    assert read_transcript(world.platform, done).text == "second"


def test_a_completion_of_a_purged_job_leaves_nothing(world: World) -> None:
    job = world.processing()
    purge_job(world.platform, tenant="acme", job_id=job.id)
    with pytest.raises(NotFound):
        complete_job(world.platform, job, make_transcript())
    assert world.blob_files() == []


def test_cancel_wins_over_a_completion_that_comes_after(world: World) -> None:
    job = world.processing()
    cancel_job(world.platform, tenant="acme", job_id=job.id)
    with pytest.raises(StaleAttempt):
        complete_job(world.platform, job, make_transcript())
    assert world.status(job) is Status.CANCELLED


def test_cancel_wins_over_a_completion_at_the_same_moment(world: World) -> None:
    job = world.processing()
    world.faults.once(
        "before jobs.replace",
        lambda: cancel_job(world.platform, tenant="acme", job_id=job.id),
    )
    with pytest.raises(StaleAttempt):
        complete_job(world.platform, job, make_transcript())
    assert world.status(job) is Status.CANCELLED
    assert world.blob_files() == []


def test_the_callers_fault_fails_at_once(world: World) -> None:
    job = fail_attempt(world.platform, world.processing(), THEIRS)
    assert (job.status, job.error, job.attempt) == (Status.FAILED, THEIRS, 1)


def test_our_fault_is_tried_again_with_growing_waits_and_tells_nobody_before_the_end(
    world: World,
) -> None:
    job = world.submit()
    waits = []
    for _ in range(2):
        after = fail_attempt(world.platform, world.claim(job), OURS)
        assert after.status is Status.PENDING
        assert after.not_before is not None
        waits.append(after.not_before - world.clock.now())
        assert claim_job(world.platform, job.id, worker="w", execution=None) is None
        world.clock.advance(waits[-1])
    backoff = world.platform.timing.retry_backoff_seconds
    assert waits == [backoff, backoff * 2]
    assert "transcription.failed" not in [event.type for event in world.published()]
    last = fail_attempt(world.platform, world.claim(job), OURS)
    assert (last.status, last.attempt, last.failures) == (Status.FAILED, 3, 3)
    assert [event.type for event in world.published()] == ["transcription.failed"]


def test_the_message_for_another_attempt_comes_when_its_wait_is_over(world: World) -> None:
    job = world.processing()
    world.queued()
    fail_attempt(world.platform, job, OURS)
    assert world.queued() == []
    world.clock.advance(world.platform.timing.retry_backoff_seconds)
    assert world.queued() == [job.id]


def test_a_released_job_waits_again_and_has_not_failed(world: World) -> None:
    job = world.processing()
    world.queued()
    after = release_job(world.platform, job)
    assert (after.status, after.failures, after.progress) == (Status.PENDING, 0, 0.0)
    assert world.queued() == [job.id]
    assert world.claim(job).attempt == 2


def test_a_dead_workers_job_waits_again_without_waiting_for_the_lease(world: World) -> None:
    job = world.processing(execution="e-7")
    assert execution_ended(world.platform, "e-7") == 1
    after = world.job(job)
    assert (after.status, after.failures) == (Status.PENDING, 1)
    assert execution_ended(world.platform, "e-7") == 0


def test_a_dead_worker_whose_job_is_purged_meanwhile_is_no_error(world: World) -> None:
    job = world.processing(execution="e-7")
    world.faults.once(
        "before jobs.get", lambda: purge_job(world.platform, tenant="acme", job_id=job.id)
    )
    assert execution_ended(world.platform, "e-7") == 1
    with pytest.raises(NotFound):
        world.job(job)


def test_a_dead_worker_of_an_older_attempt_does_not_touch_the_newer(world: World) -> None:
    job = world.processing(execution="e-1")

    def taken_over() -> None:
        let_the_lease_run_out(world)
        world.claim(job, execution="e-2")

    world.faults.once("before jobs.get", taken_over)
    execution_ended(world.platform, "e-1")
    after = world.job(job)
    assert (after.status, after.execution) == (Status.PROCESSING, "e-2")


def test_an_unfinished_job_has_no_transcript(world: World) -> None:
    with pytest.raises(Conflict) as caught:
        read_transcript(world.platform, world.submit())
    assert caught.value.code == "job_not_completed"


@pytest.mark.parametrize(
    "stored", [b"", b"[]", b"\xff\xfe", b'{"text": "x"}', b'{"segments": 7}', b"null", b"{"]
)
def test_a_corrupt_transcript_is_unavailable_and_never_a_crash(world: World, stored: bytes) -> None:
    job = world.completed()
    assert job.result is not None
    world.platform.blobs.put(job.result.key, [stored])
    with pytest.raises(Unavailable):
        read_transcript(world.platform, job)


def test_a_lost_transcript_is_unavailable(world: World) -> None:
    job = world.completed()
    assert job.result is not None
    world.platform.blobs.delete(job.result.key)
    with pytest.raises(Unavailable):
        read_transcript(world.platform, job)


def test_a_list_has_a_limit(world: World) -> None:
    from shared.domain.errors import InvalidRequest
    from shared.ports.job_store import JobQuery

    for limit in (0, 201):
        with pytest.raises(InvalidRequest):
            list_jobs(world.platform, JobQuery(tenant="acme", limit=limit))
    assert list_jobs(world.platform, JobQuery(tenant="acme", limit=200)).jobs == ()


def test_a_record_that_is_fought_over_without_end_is_unavailable(world: World) -> None:
    job = world.processing()
    real = world.deployment.platform.jobs
    world.faults.always("before jobs.replace", lambda: real.replace(real.get(job.id)))
    with pytest.raises(Unavailable, match="too many writers"):
        progress(world, job)
