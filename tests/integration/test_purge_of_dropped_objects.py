"""Versions of one dropped object are jobs of their own: erasing one leaves the others' audio."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from functions.intake.handle import Arrival, Wishes, handle
from shared.domain.errors import InvalidRequest, NotFound
from shared.domain.job import Job
from shared.ports.blob_store import BlobInfo
from shared.ports.platform import Platform
from shared.services.cancel_job import purge_job
from shared.services.refuse_object import refuse_object
from tests.support.on_platforms import PLATFORMS, platform_on

KEY = "tenants/acme/inbox/calls/call.wav"


@pytest.fixture(params=PLATFORMS)
def platform(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Platform]:
    with platform_on(request.param, tmp_path) as opened:
        yield opened


def take(platform: Platform, info: BlobInfo, *, priority: int = 0) -> Job:
    wishes = Wishes(priority=priority)
    job = handle(platform, Arrival(key=KEY, info=info, owned=True, wishes=wishes))
    assert job is not None
    return job


def refuse(platform: Platform, info: BlobInfo) -> Job:
    return refuse_object(platform, info, InvalidRequest("no such option"), tenant="acme")


def purge(platform: Platform, job: Job) -> None:
    purge_job(platform, tenant="acme", job_id=job.id)


def audio(platform: Platform, job: Job) -> bytes:
    return b"".join(platform.blobs.stream(KEY, version=job.source.version))


def test_a_purge_leaves_the_audio_of_the_job_that_came_after(platform: Platform) -> None:
    first = take(platform, platform.blobs.put(KEY, [b"first"]))
    second = take(platform, platform.blobs.put(KEY, [b"second"]))
    assert first.id != second.id
    purge(platform, first)
    assert audio(platform, second) == b"second"
    purge(platform, second)
    assert not platform.blobs.exists(KEY)


def test_a_purge_leaves_the_audio_of_the_job_that_came_before(tmp_path: Path) -> None:
    with platform_on("aws", tmp_path) as platform:  # a folder keeps no replaced version
        first = take(platform, platform.blobs.put(KEY, [b"first"]))
        second = take(platform, platform.blobs.put(KEY, [b"second"]))
        purge(platform, second)
        assert audio(platform, first) == b"first"
        with pytest.raises(NotFound):
            platform.jobs.get(second.id)


def test_erasing_a_refusal_leaves_what_was_taken_all_the_same(platform: Platform) -> None:
    info = platform.blobs.put(KEY, [b"audio"])
    refused = refuse(platform, info)
    taken = take(platform, info, priority=1)
    purge(platform, refused)
    assert audio(platform, taken) == b"audio"
    purge(platform, taken)
    assert not platform.blobs.exists(KEY)


def test_a_refused_object_goes_with_its_job(platform: Platform) -> None:
    purge(platform, refuse(platform, platform.blobs.put(KEY, [b"audio"])))
    assert not platform.blobs.exists(KEY)
