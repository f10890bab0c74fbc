from __future__ import annotations

import pytest

from shared.domain.errors import StaleAttempt, Unavailable
from shared.domain.job import Job, Stage
from shared.domain.saved_work import PartRun, SavedWork
from shared.domain.transcript import Segment
from shared.domain.work_parts import Part
from shared.services.claim_job import claim_job
from shared.services.saved_parts import read_parts, store_part
from shared.services.sweep import sweep
from shared.services.work_on_job import report_progress
from tests.support.world import World


def part(number: int) -> Part:
    segment = Segment(id=number, start=number, end=number + 0.5, text=f"part {number}")
    return Part(segments=(segment,), done=number + 1.0, language="en", language_probability=0.9)


def claim(world: World, job: Job) -> Job:
    held = claim_job(world.platform, job.id, worker="w", execution=None)
    assert held is not None
    return held


def save(world: World, held: Job, saved: SavedWork) -> SavedWork:
    store_part(world.platform, held, saved.parts, part(saved.parts))
    after = saved.with_part(held.attempt, segments=1, done=saved.parts + 1.0)
    report_progress(
        world.platform,
        held.id,
        attempt=held.attempt,
        stage=Stage.TRANSCRIBING,
        progress=0.1,
        saved=after,
    )
    return after


def lose(world: World) -> None:
    world.clock.advance(world.platform.timing.lease_seconds)
    sweep(world.platform)
    world.clock.advance(60)


def test_parts_of_several_attempts_are_read_as_one_row(world: World) -> None:
    job = world.submit()
    saved = SavedWork(fingerprint="f")
    saved = save(world, claim(world, job), saved)
    lose(world)
    second = claim(world, job)
    assert second.saved == saved
    saved = save(world, second, saved)
    saved = save(world, second, saved)
    assert saved.runs == (PartRun(attempt=1, count=1), PartRun(attempt=2, count=2))
    assert saved.segments == 3
    record = world.platform.jobs.get(job.id)
    assert list(read_parts(world.platform, record)) == [part(0), part(1), part(2)]
    assert list(read_parts(world.platform, record, first=2)) == [part(2)]


def test_a_stale_workers_part_is_stored_and_never_listed(world: World) -> None:
    job = world.submit()
    first = claim(world, job)
    lose(world)
    claim(world, job)
    with pytest.raises(StaleAttempt):
        save(world, first, SavedWork(fingerprint="f"))
    assert list(read_parts(world.platform, world.platform.jobs.get(job.id))) == []


def test_a_renewal_without_saved_work_keeps_what_the_record_says(world: World) -> None:
    held = claim(world, world.submit())
    saved = save(world, held, SavedWork(fingerprint="f"))
    after = report_progress(
        world.platform, held.id, attempt=1, stage=Stage.TRANSCRIBING, progress=0.2
    )
    assert after.saved == saved


def test_a_listed_part_that_is_gone_says_so(world: World) -> None:
    held = claim(world, world.submit())
    save(world, held, SavedWork(fingerprint="f"))
    world.platform.blobs.delete_prefix(f"tenants/{held.tenant}/jobs/{held.id}")
    with pytest.raises(Unavailable, match="part 0"):
        list(read_parts(world.platform, world.platform.jobs.get(held.id)))
