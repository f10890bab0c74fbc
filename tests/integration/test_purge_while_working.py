"""A purge while a worker stores its work: not a byte stays, on either platform."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gpu_job.pipeline import TranscriptionPipeline
from gpu_job.steps.take_source import make_source_taker
from shared.domain.errors import NotFound
from shared.domain.job import Job
from shared.ports.platform import Platform
from shared.services.cancel_job import purge_job
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


def work(platform: Platform, job: Job) -> None:
    """One attempt whose heartbeat never tells it of anything."""
    settings = make_settings(Path("unused"))
    pipeline = TranscriptionPipeline(
        take_source=make_source_taker(settings, platform.blobs),
        engines=ResumableEngines(seconds=4).engines(),
        models=settings.model_policy,
        max_seconds=100.0,
    )
    make_worker(platform, pipeline, heartbeat=30.0).run(job.id)


@pytest.mark.parametrize("stored", OBJECTS)
def test_whatever_is_stored_behind_a_purge_is_erased(platform: Platform, stored: int) -> None:
    job = submit(platform, diarize=True)
    faults, purged = Faults(), []

    def purge() -> None:
        purged.append(True)
        purge_job(platform, tenant=TENANT, job_id=job.id)

    faults.once("before blobs.put", purge, skip=stored)
    work(breakable(platform, faults), job)
    assert purged
    with pytest.raises(NotFound):
        platform.jobs.get(job.id)
    assert [blob.key for blob in platform.blobs.list(job_prefix(TENANT, job.id))] == []
