"""A purge while a worker stores its work: not a byte stays, on either platform."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gpu_job.checkpoints import Checkpoints
from gpu_job.exit_codes import ExitCode
from gpu_job.held_job import HeldJob
from gpu_job.pipeline import TranscriptionPipeline
from gpu_job.steps.take_source import make_source_taker
from gpu_job.worker import Worker
from shared.domain.errors import NotFound
from shared.domain.work_parts import DecodingPlan
from shared.ports.platform import Platform
from shared.services.cancel_job import purge_job
from shared.services.claim_job import claim_job
from shared.services.keys_of_blobs import job_prefix
from tests.support.faults import Faults, breakable
from tests.support.on_platforms import PLATFORMS, platform_on
from tests.support.platform import make_settings
from tests.support.resumable import ResumableEngines
from tests.support.workers import TENANT, make_worker, submit

#: Of the plan, parts, turns, voices, what is kept of them (two) and the transcript, at least.
OBJECTS = range(7)


@pytest.fixture(params=PLATFORMS)
def platform(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Platform]:
    with platform_on(request.param, tmp_path) as opened:
        yield opened


def worker_of(platform: Platform) -> Worker:
    """One whose heartbeat never tells it of anything."""
    settings = make_settings(Path("unused"))
    pipeline = TranscriptionPipeline(
        take_source=make_source_taker(settings, platform.blobs),
        engines=ResumableEngines(seconds=4).engines(),
        models=settings.model_policy,
        max_seconds=100.0,
    )
    return make_worker(platform, pipeline, heartbeat=30.0, end_now=lambda code, folder: None)


@pytest.mark.parametrize("told_to_end", [False, True])
@pytest.mark.parametrize("stored", OBJECTS)
def test_whatever_is_stored_behind_a_purge_is_erased(
    platform: Platform, stored: int, *, told_to_end: bool
) -> None:
    """A purge has the worker told to end; whether that or a refused write comes first is chance."""
    job = submit(platform, diarize=True)
    faults, purged = Faults(), []
    worker = worker_of(breakable(platform, faults))

    def purge() -> None:
        purged.append(True)
        purge_job(platform, tenant=TENANT, job_id=job.id)
        if told_to_end:
            worker.terminate(ExitCode.OK)

    faults.once("before blobs.put", purge, skip=stored)
    worker.run(job.id)
    assert purged
    with pytest.raises(NotFound):
        platform.jobs.get(job.id)
    assert [blob.key for blob in platform.blobs.list(job_prefix(TENANT, job.id))] == []


def test_a_saving_that_is_refused_erases_what_it_stored_by_itself(platform: Platform) -> None:
    """Whatever becomes of the attempt: its process may end right after."""
    job = claim_job(platform, submit(platform).id, worker="w", execution=None)
    assert job is not None
    purge_job(platform, tenant=TENANT, job_id=job.id)
    held = HeldJob(platform=platform, job=job, held_since=time.monotonic())
    with Checkpoints(held, "mark") as checkpoints:
        plan = DecodingPlan(model="m", language="en", language_probability=1.0, chunks=())
        checkpoints.keep_plan(plan)
        assert list(platform.blobs.list(job_prefix(TENANT, job.id))) == []
