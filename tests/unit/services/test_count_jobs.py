from __future__ import annotations

import re

import pytest

from shared.domain.errors import InvalidRequest
from shared.domain.job import JobError, Status
from shared.services.cancel_job import cancel_job
from shared.services.count_jobs import BUCKETS
from shared.services.work_on_job import complete_job, fail_attempt
from tests.support.world import World, make_transcript

#: https://prometheus.io/docs/concepts/data_model/: a name, then labels in braces.
_SERIES = re.compile(r'[a-zA-Z_:][a-zA-Z0-9_:]*(\{[a-zA-Z_][a-zA-Z0-9_]*="[^"\\\n]*"\})?')


def counters(world: World) -> dict[str, float]:
    return world.deployment.platform.metrics.read()


def test_each_end_is_counted_once(world: World) -> None:
    world.completed()
    fail_attempt(world.platform, world.processing(), JobError(code="x", detail="y"))
    job = world.submit()
    for _ in range(2):
        cancel_job(world.platform, tenant="acme", job_id=job.id)
    found = counters(world)
    names = ("submitted", "completed", "failed", "cancelled")
    assert [found[f"tamlil_jobs_{name}_total"] for name in names] == [3, 1, 1, 1]


def test_a_replayed_submit_is_not_counted(world: World) -> None:
    for _ in range(2):
        world.submit(idempotency_key="k")
    assert counters(world)["tamlil_jobs_submitted_total"] == 1


def test_an_attempt_that_goes_back_is_counted(world: World) -> None:
    error = JobError(code="x", detail="y", retryable=True)
    fail_attempt(world.platform, world.processing(), error)
    assert counters(world)["tamlil_job_attempts_retried_total"] == 1


def test_a_worker_s_clock_that_is_behind_breaks_no_ending(world: World) -> None:
    held = world.processing()
    world.clock.advance(-20)
    complete_job(world.platform, held, make_transcript())
    assert world.status(held) is Status.COMPLETED
    found = counters(world)
    assert found["tamlil_jobs_completed_total"] == 1
    assert found["tamlil_job_duration_seconds_sum"] == 0
    assert found["tamlil_processing_seconds_total"] == 0
    assert [event.type for event in world.published()][-1] == "transcription.completed"


def test_a_count_that_is_refused_breaks_no_ending(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse() -> None:
        raise InvalidRequest("counters never fall", field="increments")

    held = world.processing()
    world.faults.always("before metrics.add", refuse)
    complete_job(world.platform, held, make_transcript())
    assert world.status(held) is Status.COMPLETED
    assert "counters not kept" in caplog.text


def test_durations_fall_into_cumulative_buckets(world: World) -> None:
    job = world.submit()
    world.clock.advance(7)
    held = world.claim(job)
    world.clock.advance(20)
    complete_job(world.platform, held, make_transcript())
    found = counters(world)
    duration = [
        found.get(f'tamlil_job_duration_seconds_bucket{{le="{bound}"}}', 0) for bound in BUCKETS
    ]
    assert duration == [float(bound >= 27) for bound in BUCKETS]
    assert found['tamlil_job_duration_seconds_bucket{le="+Inf"}'] == 1
    assert found["tamlil_job_duration_seconds_count"] == 1
    assert (found["tamlil_job_duration_seconds_sum"], found["tamlil_job_wait_seconds_sum"]) == (
        27, 7,
    )  # fmt: skip
    assert found["tamlil_processing_seconds_total"] == 20
    assert found["tamlil_audio_seconds_total"] == 2


def test_every_name_is_one_that_prometheus_reads(world: World) -> None:
    world.completed()
    assert [name for name in counters(world) if not _SERIES.fullmatch(name)] == []


def test_counters_that_cannot_be_kept_stop_no_job(world: World) -> None:
    world.faults.always("before metrics.add")
    assert world.completed().status is Status.COMPLETED
    assert counters(world) == {}
