from __future__ import annotations

from collections.abc import Iterator

import pytest

from shared.domain.api_keys import check_tenant
from shared.domain.errors import Conflict, InvalidRequest, LimitExceeded, NotFound
from shared.domain.job import Job, Status
from shared.ports.job_store import JobQuery
from shared.services.cancel_job import cancel_job, purge_job
from shared.services.keys_of_blobs import upload_key
from shared.services.read_job import read_job
from shared.services.start_upload import (
    UNCLAIMED_SECONDS,
    Upload,
    check_upload_id,
    expect_claim,
    object_arrived,
    sign_upload,
    start_upload,
)
from shared.services.submission import UploadAudio
from shared.services.sweep import sweep
from shared.services.upload_object import mark_erased, receive_upload
from tests.support.world import World


def sign(world: World, size_bytes: int | None = None) -> Upload:
    return sign_upload(world.platform, tenant="acme", size_bytes=size_bytes, content_type=None)


def key_of(upload: Upload) -> str:
    return upload_key("acme", upload.upload_id)


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


def pass_the_time_for_a_claim(world: World, *, but: float = 0.0) -> None:
    world.clock.advance(world.platform.limits.upload_seconds + UNCLAIMED_SECONDS - but)
    sweep(world.platform)


def test_an_upload_that_no_job_claims_is_erased_and_leaves_nothing(world: World) -> None:
    upload = sign(world)
    expect_claim(world.platform, tenant="acme", upload_id=upload.upload_id)
    arrive(world, upload)
    pass_the_time_for_a_claim(world, but=1.0)
    assert len(world.blob_files()) == 1
    world.clock.advance(1.0)
    sweep(world.platform)
    assert world.blob_files() == []
    assert sum(world.platform.jobs.counts().values()) == 0


@pytest.mark.parametrize("arrived", [True, False])
def test_an_upload_that_a_job_has_claimed_stays(world: World, *, arrived: bool) -> None:
    upload = sign(world)
    expect_claim(world.platform, tenant="acme", upload_id=upload.upload_id)
    if arrived:
        arrive(world, upload)
    job = submit(world, upload)
    if not arrived:
        arrive(world, upload)
    pass_the_time_for_a_claim(world)
    assert world.job(job).source.version == world.platform.blobs.stat(key_of(upload)).version
    assert sum(world.platform.jobs.counts().values()) == 1


def test_the_marks_of_an_upload_that_was_erased_with_its_job_stay(world: World) -> None:
    upload = sign(world)
    expect_claim(world.platform, tenant="acme", upload_id=upload.upload_id)
    arrive(world, upload)
    purge_job(world.platform, tenant="acme", job_id=submit(world, upload).id)
    marks = world.blob_files()
    pass_the_time_for_a_claim(world)
    assert world.blob_files() == marks


def test_an_upload_that_waits_for_its_claim_is_nobody_s_job(world: World) -> None:
    upload = sign(world)
    expect_claim(world.platform, tenant="acme", upload_id=upload.upload_id)
    assert world.platform.jobs.query(JobQuery(tenant="acme")).jobs == ()
    with pytest.raises(NotFound):
        read_job(world.platform, tenant="acme", job_id=upload.upload_id)
    (record,) = world.platform.jobs.due(now=float("inf"), limit=9)
    with pytest.raises(InvalidRequest):
        check_tenant(record.tenant)


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


@pytest.mark.parametrize("first", ["upload", "job"])
def test_a_job_remembers_which_version_it_took(world: World, first: str) -> None:
    upload = sign(world)
    if first == "upload":
        arrive(world, upload)
        submit(world, upload)
    else:
        submit(world, upload)
        arrive(world, upload)
    (job,) = world.platform.jobs.pending(now=world.clock.now(), limit=9)
    stored = world.platform.blobs.stat(upload_key("acme", upload.upload_id))
    assert (job.source.size_bytes, job.source.version) == (stored.size_bytes, stored.version)


def receive(world: World, upload: Upload, body: bytes, *, announced: int | None = None) -> int:
    key = upload_key("acme", upload.upload_id)
    return receive_upload(
        world.platform, key, [body], content_type="audio/wav", size_bytes=announced
    ).size_bytes


def conflict(world: World, upload: Upload, body: bytes, **more: int) -> str:
    with pytest.raises(Conflict) as caught:
        receive(world, upload, body, **more)
    return caught.value.code


@pytest.mark.parametrize("taken_by", ["nobody", "a worker"])
def test_an_upload_is_written_once_and_the_same_bytes_may_be_sent_again(
    world: World, taken_by: str
) -> None:
    upload = sign(world)
    assert receive(world, upload, b"audio") == 5
    if taken_by == "a worker":
        world.claim(submit(world, upload))
    assert receive(world, upload, b"audio") == 5
    assert conflict(world, upload, b"other") == "upload_taken"
    assert world.platform.blobs.read(upload_key("acme", upload.upload_id)) == b"audio"


def test_other_bytes_of_another_length_are_refused_unread(world: World) -> None:
    upload = sign(world)
    receive(world, upload, b"audio")
    unread = iter([b"other bytes"])
    with pytest.raises(Conflict):
        receive_upload(
            world.platform,
            upload_key("acme", upload.upload_id),
            unread,
            content_type=None,
            size_bytes=11,
        )
    assert list(unread) == [b"other bytes"]


@pytest.mark.parametrize("erased", ["after it arrived", "before it arrived"])
def test_an_erased_upload_never_comes_back(world: World, erased: str) -> None:
    upload = sign(world)
    if erased == "after it arrived":
        receive(world, upload, b"audio")
    job = submit(world, upload)
    purge_job(world.platform, tenant="acme", job_id=job.id)
    assert conflict(world, upload, b"audio") == "upload_erased"
    with pytest.raises(Conflict) as caught:
        submit(world, upload)
    assert caught.value.code == "upload_erased"
    assert object_arrived(world.platform, upload_key("acme", upload.upload_id)) is None


def test_bytes_that_were_on_the_way_when_all_was_erased_are_not_kept(world: World) -> None:
    upload = sign(world)
    job = submit(world, upload)

    def purged_meanwhile() -> Iterator[bytes]:
        yield b"au"
        purge_job(world.platform, tenant="acme", job_id=job.id)
        yield b"dio"

    key = upload_key("acme", upload.upload_id)
    with pytest.raises(Conflict) as caught:
        receive_upload(world.platform, key, purged_meanwhile(), content_type=None, size_bytes=None)
    assert caught.value.code == "upload_erased"
    assert world.platform.blobs.read(key) == b""


def put_late(world: World, upload: Upload, body: bytes = b"late") -> Job | None:
    """As through a form that S3 can't refuse, then the bucket's event."""
    return arrive(world, upload, body)


def lies_there(world: World, upload: Upload) -> bytes:
    return world.platform.blobs.read(upload_key("acme", upload.upload_id))


@pytest.mark.parametrize("arrived", [True, False])
def test_what_a_store_could_not_refuse_after_the_erasure_is_erased_on_arrival(
    world: World, *, arrived: bool
) -> None:
    upload = sign(world)
    job = submit(world, upload)
    if arrived:
        arrive(world, upload)
    purge_job(world.platform, tenant="acme", job_id=job.id)
    assert put_late(world, upload) is None
    assert lies_there(world, upload) == b""
    assert conflict(world, upload, b"audio") == "upload_erased"


def test_what_lies_under_an_erased_key_becomes_no_jobs_audio(
    world: World,
) -> None:
    upload = sign(world)
    mark_erased(world.platform, upload_key("acme", upload.upload_id))
    world.platform.blobs.put(upload_key("acme", upload.upload_id), [b"late"])
    with pytest.raises(Conflict) as caught:
        submit(world, upload)
    assert caught.value.code == "upload_erased"
    assert lies_there(world, upload) == b""


def test_a_second_object_after_the_job_took_one_is_erased(world: World) -> None:
    upload = sign(world)
    job = submit(world, upload)
    arrive(world, upload)
    taken = world.job(job).source.version
    put_late(world, upload)
    assert world.job(job).source.version == taken
    assert not world.platform.blobs.exists(upload_key("acme", upload.upload_id))


def test_what_arrives_for_a_job_that_was_cancelled_without_it_is_erased(world: World) -> None:
    upload = sign(world)
    cancel_job(world.platform, tenant="acme", job_id=submit(world, upload).id)
    put_late(world, upload)
    assert lies_there(world, upload) == b""


def test_an_upload_that_slips_in_while_all_is_erased_goes_too(world: World) -> None:
    upload = sign(world)
    key = upload_key("acme", upload.upload_id)
    arrive(world, upload)
    blobs = world.platform.blobs
    world.faults.once("after blobs.delete", lambda: blobs.put(key, [b"slipped in"]))
    mark_erased(world.platform, key)
    assert lies_there(world, upload) == b""


def test_an_upload_whose_job_was_cancelled_is_closed(world: World) -> None:
    upload = sign(world)
    cancel_job(world.platform, tenant="acme", job_id=submit(world, upload).id)
    assert conflict(world, upload, b"audio") == "upload_closed"
    assert world.blob_files() == []


def test_a_job_that_was_submitted_just_before_the_erasure_times_out(world: World) -> None:
    upload = sign(world)
    key = upload_key("acme", upload.upload_id)
    world.faults.once("before jobs.create", lambda: mark_erased(world.platform, key))
    job = submit(world, upload)
    assert world.status(job) is Status.AWAITING_UPLOAD
    world.clock.advance(world.platform.limits.upload_seconds)
    sweep(world.platform)
    assert world.status(job) is Status.FAILED


def test_a_job_from_a_url_has_no_upload_to_start(world: World) -> None:
    job = world.submit()
    assert start_upload(world.platform, job) == job
