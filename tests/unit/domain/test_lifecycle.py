from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import pytest

from shared.domain import lifecycle
from shared.domain.errors import IllegalTransition, StaleAttempt
from shared.domain.events import EventType
from shared.domain.job import FINISHED, Job, JobError, ResultInfo, Stage, Status
from shared.domain.lifecycle import TRANSITIONS, Timing
from tests.support.jobs import NOW, make_job

TIMING = Timing(
    lease_seconds=30, redispatch_seconds=60, outbox_retry_seconds=10, retry_backoff_seconds=5
)
OURS = JobError(code="engine_failed", detail="it broke", retryable=True)
THEIRS = JobError(code="no_audio_stream", detail="a text file", retryable=False)
RESULT = ResultInfo(
    key="k", size_bytes=2, audio_seconds=9.5, language="en", engine="e", model="m",
    segments=1, speakers=0,
)  # fmt: skip


def pending() -> Job:
    return lifecycle.submitted(make_job(), timing=TIMING)


def processing(job: Job | None = None, *, now: float = NOW + 1) -> Job:
    return lifecycle.claimed(job or pending(), worker="w", execution="e", now=now, timing=TIMING)


def test_a_finished_job_goes_nowhere() -> None:
    assert {status for status, to in TRANSITIONS.items() if not to} == FINISHED


def test_every_status_is_in_the_table() -> None:
    assert set(TRANSITIONS) == set(Status)


def _replaces_status(call: ast.Call) -> bool:
    name = getattr(call.func, "id", getattr(call.func, "attr", ""))
    return name == "replace" and any(keyword.arg == "status" for keyword in call.keywords)


def test_only_the_lifecycle_module_changes_a_status() -> None:
    root = Path(__file__).parents[3]
    offenders = [
        f"{path.name}:{node.lineno}"
        for folder in ("shared", "gpu_job", "functions")
        for path in sorted((root / folder).rglob("*.py"))
        if path.name not in ("lifecycle.py", "deliveries.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and _replaces_status(node)
    ]
    assert offenders == []


def test_a_submitted_job_is_looked_at_again_if_no_worker_comes() -> None:
    job = pending()
    assert (job.status, job.stage, job.wake_at) == (Status.PENDING, Stage.QUEUED, NOW + 60)


def test_an_awaited_upload_is_looked_at_when_its_time_is_over() -> None:
    job = lifecycle.submitted(
        make_job(status=Status.AWAITING_UPLOAD, upload_expires_at=NOW + 100), timing=TIMING
    )
    assert (job.stage, job.wake_at) == (Stage.WAITING, NOW + 100)


def test_a_job_cannot_be_born_processing() -> None:
    with pytest.raises(IllegalTransition, match="can't start as processing"):
        lifecycle.submitted(make_job(status=Status.PROCESSING), timing=TIMING)


def test_an_arrived_upload_is_queued() -> None:
    awaiting = lifecycle.submitted(
        make_job(status=Status.AWAITING_UPLOAD, upload_expires_at=NOW + 100), timing=TIMING
    )
    arrived = replace(awaiting.source, size_bytes=7)
    job = lifecycle.uploaded(awaiting, now=NOW + 5, source=arrived, timing=TIMING)
    assert (job.status, job.source.size_bytes, job.upload_expires_at) == (Status.PENDING, 7, None)


def test_a_job_waits_for_a_worker_from_when_it_can_be_claimed() -> None:
    awaiting = make_job(status=Status.AWAITING_UPLOAD, upload_expires_at=NOW + 100)
    source = awaiting.source
    held = processing()
    waiting = {
        "submitted": (pending(), 0),
        "uploaded": (lifecycle.uploaded(awaiting, now=NOW + 50, source=source, timing=TIMING), 50),
        "released": (lifecycle.released(held, attempt=1, now=NOW + 50, timing=TIMING), 50),
        "failed": (
            lifecycle.attempt_failed(held, attempt=1, error=OURS, now=NOW + 50, timing=TIMING),
            50 + TIMING.retry_backoff_seconds,
        ),
        "lost": (
            lifecycle.lease_lost(held, now=NOW + 50, timing=TIMING),
            50 + TIMING.retry_backoff_seconds,
        ),
    }
    for how, (job, since) in waiting.items():
        assert job.waited(NOW + 100) == 100 - since, how


def test_a_record_from_before_that_was_kept_has_waited_since_it_was_made() -> None:
    assert make_job(queued_at=None).waited(NOW + 100) == 100
    assert make_job().waited(NOW - 1) == 0, "clocks of two machines may differ"


def test_every_claim_raises_the_attempt_and_starts_a_lease() -> None:
    first = processing()
    again = processing(lifecycle.released(first, attempt=1, now=NOW + 2, timing=TIMING))
    assert (first.attempt, again.attempt) == (1, 2)
    assert first.lease_expires_at == NOW + 31
    assert first.worker == "w"


def test_only_the_first_claim_tells_that_processing_began() -> None:
    first = processing()
    again = processing(lifecycle.released(first, attempt=1, now=NOW + 2, timing=TIMING))
    assert [event.type for event in first.outbox] == [EventType.TRANSCRIPTION_PROCESSING]
    assert len(again.outbox) == 1


def test_a_claim_before_the_backoff_is_over_is_refused() -> None:
    job = lifecycle.attempt_failed(processing(), attempt=1, error=OURS, now=NOW + 2, timing=TIMING)
    with pytest.raises(IllegalTransition, match="not due"):
        processing(job, now=NOW + 3)
    assert processing(job, now=NOW + 7).attempt == 2


def test_a_processing_job_cannot_be_claimed() -> None:
    with pytest.raises(IllegalTransition):
        processing(processing())


@pytest.mark.parametrize("attempt", [0, 2])
def test_a_write_that_names_another_attempt_is_refused(attempt: int) -> None:
    with pytest.raises(StaleAttempt):
        lifecycle.progressed(
            processing(), attempt=attempt, now=NOW, timing=TIMING,
            stage=Stage.FETCHING, progress=0.5,
        )  # fmt: skip


def test_progress_never_goes_back_and_renews_the_lease() -> None:
    job = processing()
    for now, done in ((NOW + 2, 0.5), (NOW + 3, 0.25), (NOW + 4, 7.0)):
        job = lifecycle.progressed(
            job, attempt=1, now=now, timing=TIMING, stage=Stage.TRANSCRIBING, progress=done
        )
        assert job.progress == (0.5 if now < NOW + 4 else 1.0)
        assert job.lease_expires_at == now + 30


def test_completion_carries_result_and_event_in_one_record() -> None:
    job = lifecycle.completed(processing(), attempt=1, result=RESULT, now=NOW + 9, timing=TIMING)
    assert (job.status, job.stage, job.progress) == (Status.COMPLETED, Stage.DONE, 1.0)
    assert (job.finished_at, job.audio_seconds, job.lease_expires_at) == (NOW + 9, 9.5, None)
    assert job.outbox[-1].type is EventType.TRANSCRIPTION_COMPLETED
    assert job.outbox[-1].id == f"{job.id}_completed"


def test_no_completion_overwrites_a_cancel() -> None:
    cancelled = lifecycle.cancelled(processing(), now=NOW + 3, timing=TIMING)
    with pytest.raises(StaleAttempt):
        lifecycle.completed(cancelled, attempt=1, result=RESULT, now=NOW + 4, timing=TIMING)
    with pytest.raises(IllegalTransition):
        lifecycle.cancelled(cancelled, now=NOW + 5, timing=TIMING)


def test_the_callers_fault_fails_at_once() -> None:
    job = lifecycle.attempt_failed(
        processing(), attempt=1, error=THEIRS, now=NOW + 2, timing=TIMING
    )
    assert (job.status, job.error) == (Status.FAILED, THEIRS)


def test_our_fault_is_retried_with_growing_waits_and_told_only_at_the_end() -> None:
    job, now, waits = processing(), NOW + 2, []
    for attempt in (1, 2, 3):
        job = lifecycle.attempt_failed(job, attempt=attempt, error=OURS, now=now, timing=TIMING)
        types = [event.type for event in job.outbox]
        assert (EventType.TRANSCRIPTION_FAILED in types) is (attempt == 3)
        if attempt < 3:
            assert job.not_before is not None
            waits.append(job.not_before - now)
            now = job.not_before
            job = processing(job, now=now)
    assert (job.status, job.failures, waits) == (Status.FAILED, 3, [5, 10])


def test_a_lease_that_still_holds_is_not_taken_away() -> None:
    with pytest.raises(IllegalTransition, match="has not expired"):
        lifecycle.lease_lost(processing(), now=NOW + 30, timing=TIMING)


def test_an_expired_lease_counts_as_a_failed_attempt() -> None:
    job = lifecycle.lease_lost(processing(), now=NOW + 31, timing=TIMING)
    assert (job.status, job.failures, job.worker) == (Status.PENDING, 1, None)
    assert job.error is not None
    assert job.error.code == "worker_lost"


def test_a_worker_known_to_be_dead_loses_its_lease_at_once() -> None:
    job = lifecycle.lease_lost(processing(), now=NOW + 2, timing=TIMING, known_dead=True)
    assert job.status is Status.PENDING


def test_a_release_is_not_the_jobs_failure() -> None:
    job = lifecycle.released(processing(), attempt=1, now=NOW + 2, timing=TIMING)
    assert (job.status, job.failures, job.attempt, job.not_before) == (Status.PENDING, 0, 1, None)


def test_retention_sets_the_time_of_erasure_when_the_job_ends() -> None:
    job = processing(lifecycle.submitted(make_job(retention_seconds=100), timing=TIMING))
    done = lifecycle.completed(job, attempt=1, result=RESULT, now=NOW + 9, timing=TIMING)
    silent = lifecycle.events_published(done, frozenset(e.id for e in done.outbox))
    assert (silent.expires_at, silent.wake_at) == (NOW + 109, NOW + 109)


def test_without_retention_a_told_job_is_never_looked_at_again() -> None:
    done = lifecycle.completed(processing(), attempt=1, result=RESULT, now=NOW + 9, timing=TIMING)
    assert done.wake_at is not None
    silent = lifecycle.events_published(done, frozenset(e.id for e in done.outbox))
    assert (silent.outbox, silent.outbox_retry_at, silent.wake_at) == ((), None, None)


def test_what_the_bus_did_not_take_stays_in_the_outbox() -> None:
    done = lifecycle.completed(processing(), attempt=1, result=RESULT, now=NOW + 9, timing=TIMING)
    left = lifecycle.events_published(done, frozenset({done.outbox[0].id}))
    later = lifecycle.outbox_postponed(left, now=NOW + 20, timing=TIMING)
    assert [event.type for event in later.outbox] == [EventType.TRANSCRIPTION_COMPLETED]
    assert later.wake_at == NOW + 30


def test_dispatching_counts_the_workers_started_for_a_job() -> None:
    job = lifecycle.dispatched(pending(), now=NOW + 1, timing=TIMING, launching=True)
    busy = lifecycle.dispatched(job, now=NOW + 2, timing=TIMING, launching=False)
    assert (busy.launches, busy.wake_at) == (1, NOW + 62)
    assert processing(busy, now=NOW + 3).launches == 0


def test_a_job_that_waited_long_is_sent_again_less_often() -> None:
    timing = Timing(redispatch_seconds=5, longest_redispatch_seconds=60)
    waits = []
    for age in (1, 20, 500):
        job = lifecycle.dispatched(pending(), now=NOW + age, timing=timing, launching=False)
        assert job.redispatch_at is not None
        waits.append(job.redispatch_at - NOW - age)
    assert waits == [5, 20, 60]


def test_an_unfinished_job_always_has_a_wake_time() -> None:
    started = processing()
    retried = lifecycle.attempt_failed(started, attempt=1, error=OURS, now=NOW, timing=TIMING)
    for job in (pending(), started, retried, replace(started)):
        assert job.wake_at is not None
