from __future__ import annotations

import pytest

from shared.domain.errors import InvalidRequest, LimitExceeded
from shared.domain.job import Job, Status
from shared.services.keys_of_blobs import upload_key
from shared.services.start_upload import (
    Upload,
    check_upload_id,
    object_arrived,
    sign_upload,
    start_upload,
)
from shared.services.submission import UploadAudio
from shared.services.sweep import sweep
from tests.support.world import World


def sign(world: World, size_bytes: int | None = None) -> Upload:
    return sign_upload(world.platform, tenant="acme", size_bytes=size_bytes, content_type=None)


def submit(world: World, upload: Upload) -> Job:
    return world.submit(audio=UploadAudio(upload_id=upload.upload_id, filename="a.wav"))


def arrive(world: World, upload: Upload, body: bytes = b"audio") -> Job | None:
    key = upload_key("acme", upload.upload_id)
    world.platform.blobs.put(key, [body])
    return object_arrived(world.platform, key)


def test_an_upload_allows_as_many_bytes_as_were_announced(world: World) -> None:
    assert sign(world, 1234).signed.max_bytes == 1234


def test_an_upload_without_a_size_allows_what_the_deployment_allows(world: World) -> None:
    assert sign(world).signed.max_bytes == world.platform.limits.max_source_bytes


def test_an_announced_size_over_the_limit_is_refused(world: World) -> None:
    with pytest.raises(LimitExceeded) as caught:
        sign(world, world.platform.limits.max_source_bytes + 1)
    assert caught.value.field == "size_bytes"


@pytest.mark.parametrize("wrong", ["", "upl_", "upl_../x", "job_" + "0" * 26, "upl_" + "0" * 27])
def test_only_ids_of_the_right_form_pass(wrong: str) -> None:
    with pytest.raises(InvalidRequest):
        check_upload_id(wrong)


def test_a_job_waits_for_its_upload_and_starts_when_it_arrives(world: World) -> None:
    upload = sign(world)
    job = submit(world, upload)
    assert (job.status, world.queued()) == (Status.AWAITING_UPLOAD, [])
    started = arrive(world, upload)
    assert started is not None
    assert (started.id, started.status, started.source.size_bytes) == (job.id, Status.PENDING, 5)
    assert world.queued() == [job.id]


def test_an_upload_that_was_first_starts_at_submit(world: World) -> None:
    upload = sign(world)
    assert arrive(world, upload) is None
    job = submit(world, upload)
    assert (job.status, job.source.size_bytes) == (Status.PENDING, 5)
    assert world.queued() == [job.id]


def test_an_upload_that_arrives_while_the_record_is_written_is_not_overlooked(
    world: World,
) -> None:
    upload = sign(world)
    world.faults.once("before jobs.create", lambda: arrive(world, upload))
    job = submit(world, upload)
    assert job.status is Status.PENDING
    assert world.queued() == [job.id]


def test_a_notice_that_comes_twice_starts_the_job_once(world: World) -> None:
    upload = sign(world)
    job = submit(world, upload)
    arrive(world, upload)
    world.claim(job)
    arrive(world, upload)
    assert world.status(job) is Status.PROCESSING
    assert world.job(job).attempt == 1


def test_of_two_notices_at_once_both_are_right(world: World) -> None:
    upload = sign(world)
    job = submit(world, upload)
    world.faults.once("before jobs.replace", lambda: arrive(world, upload))
    started = arrive(world, upload)
    assert started is not None
    assert (started.id, world.status(job)) == (job.id, Status.PENDING)


def test_another_object_is_no_upload(world: World) -> None:
    assert object_arrived(world.platform, "tenants/acme/jobs/job_1/source/a.wav") is None


def test_the_same_upload_is_the_same_job(world: World) -> None:
    upload = sign(world)
    assert submit(world, upload).id == submit(world, upload).id


def test_another_tenants_upload_is_another_object(world: World) -> None:
    upload = sign(world)
    arrive(world, upload)
    theirs = world.submit(tenant="globex", audio=UploadAudio(upload_id=upload.upload_id))
    assert theirs.status is Status.AWAITING_UPLOAD


def test_a_job_whose_upload_never_comes_fails_and_says_so(world: World) -> None:
    job = submit(world, sign(world))
    world.clock.advance(world.platform.limits.upload_seconds)
    sweep(world.platform)
    failed = world.job(job)
    assert failed.status is Status.FAILED
    assert failed.error is not None
    assert failed.error.code == "upload_expired"


def test_an_upload_whose_notice_was_lost_starts_when_its_time_is_over(world: World) -> None:
    upload = sign(world)
    job = submit(world, upload)
    world.platform.blobs.put(upload_key("acme", upload.upload_id), [b"audio"])
    world.clock.advance(world.platform.limits.upload_seconds)
    sweep(world.platform)
    assert world.status(job) is Status.PENDING
    assert world.queued() == [job.id]


def test_an_upload_that_arrives_just_as_it_expires_wins_or_is_refused_but_never_both(
    world: World,
) -> None:
    upload = sign(world)
    job = submit(world, upload)
    world.clock.advance(world.platform.limits.upload_seconds)
    world.faults.once("before jobs.replace", lambda: arrive(world, upload))
    sweep(world.platform)
    assert world.status(job) is Status.PENDING


def test_a_job_from_a_url_has_no_upload_to_start(world: World) -> None:
    job = world.submit()
    assert start_upload(world.platform, job) == job
