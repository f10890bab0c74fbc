from __future__ import annotations

import pytest

from shared.domain.errors import Conflict, NotFound, StaleAttempt, Unavailable
from shared.domain.job import Job, Status
from shared.domain.saved_work import KeptWork
from shared.domain.work_parts import Part
from shared.ports.delivery_store import DeliveryQuery
from shared.services.cancel_job import cancel_job, erase_job, purge_job
from shared.services.keys_of_blobs import upload_key
from shared.services.leave_rendering import leave_rendering
from shared.services.record_event import record_event
from shared.services.saved_parts import store_heard, store_part, store_voices
from shared.services.start_upload import sign_upload
from shared.services.submission import StoredAudio, UploadAudio
from shared.services.submit_job import submit_job
from shared.services.work_on_job import complete_job, release_job
from tests.support.faults import ProcessDied
from tests.support.world import HOOK, World, bytes_audio, make_transcript, url_submission


def cancel(world: World, job: Job, tenant: str = "acme") -> Job:
    return cancel_job(world.platform, tenant=tenant, job_id=job.id)


def purge(world: World, job: Job, tenant: str = "acme") -> None:
    purge_job(world.platform, tenant=tenant, job_id=job.id)


def test_a_waiting_job_is_cancelled(world: World) -> None:
    job = cancel(world, world.submit())
    assert job.status is Status.CANCELLED
    assert [event.type for event in world.published()] == ["transcription.cancelled"]
    assert world.launcher.stopped == []


def test_a_job_that_awaits_its_upload_is_cancelled(world: World) -> None:
    job = world.submit(audio=UploadAudio(upload_id="upl_" + "0" * 26))
    assert cancel(world, job).status is Status.CANCELLED


def test_the_worker_of_a_cancelled_job_is_stopped(world: World) -> None:
    job = world.processing(execution="e-3")
    assert cancel(world, job).status is Status.CANCELLED
    assert world.launcher.stopped == ["e-3"]


def test_a_worker_without_an_execution_is_left_to_notice(world: World) -> None:
    cancel(world, world.processing(execution=None))
    assert world.launcher.stopped == []


def test_a_launcher_that_is_down_does_not_stop_the_cancel(world: World) -> None:
    job = world.processing()
    world.faults.always("before launcher.stop")
    assert cancel(world, job).status is Status.CANCELLED


def test_cancelling_twice_changes_nothing_and_stops_once(world: World) -> None:
    job = world.processing(execution="e-3")
    first = cancel(world, job)
    assert cancel(world, job) == first
    assert world.launcher.stopped == ["e-3"]


def test_a_finished_job_cannot_be_cancelled(world: World) -> None:
    job = world.completed()
    with pytest.raises(Conflict) as caught:
        cancel(world, job)
    assert caught.value.code == "job_finished"


def test_another_tenant_can_neither_cancel_nor_purge(world: World) -> None:
    job = world.submit()
    for act in (cancel, purge):
        with pytest.raises(NotFound) as caught:
            act(world, job, "globex")
        assert caught.value.code == "job_not_found"
    assert world.status(job) is Status.PENDING


def test_a_claim_during_the_cancel_is_cancelled_and_its_worker_stopped(world: World) -> None:
    job = world.submit()
    world.faults.once("before jobs.replace", lambda: world.claim(job, execution="e-5"))
    assert cancel(world, job).status is Status.CANCELLED
    assert world.launcher.stopped == ["e-5"]


def test_a_purge_erases_audio_transcript_deliveries_and_record(world: World) -> None:
    job = world.completed(audio=bytes_audio(), webhook=HOOK)
    (delivery,) = world.record_events()
    assert len(world.blob_files()) == 2
    purge(world, job)
    assert world.blob_files() == []
    assert world.platform.deliveries.query(DeliveryQuery(tenant="acme")).deliveries == ()
    for gone in (lambda: world.job(job), lambda: world.platform.deliveries.get(delivery.id)):
        with pytest.raises(NotFound):
            gone()


def test_a_purge_leaves_no_byte_of_the_job_in_the_database_pages_that_are_read(
    world: World,
) -> None:
    job = world.completed(recording_id="very-secret-recording", webhook=HOOK)
    world.record_events()
    purge(world, job)
    with world.deployment.database.read() as connection:
        names = [
            row[0]
            for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        rows = [str(row) for name in names for row in connection.execute(f"SELECT * FROM {name}")]  # noqa: S608 - names of our own tables
    assert not [row for row in rows if "very-secret-recording" in row]


def test_a_purge_erases_an_upload(world: World) -> None:
    upload = sign_upload(world.platform, tenant="acme", size_bytes=5, content_type=None)
    world.platform.blobs.put(upload_key("acme", upload.upload_id), [b"audio"])
    purge(world, world.submit(audio=UploadAudio(upload_id=upload.upload_id)))
    marks = world.blob_files()
    assert len(marks) == 2
    assert not [mark for mark in marks if b"audio" in mark.read_bytes()]
    assert world.platform.blobs.read(upload_key("acme", upload.upload_id)) == b""


def test_a_purge_leaves_objects_that_are_not_ours(world: World) -> None:
    info = world.platform.blobs.put("bucket/theirs.wav", [b"audio"])
    purge(world, world.submit(audio=StoredAudio(info=info)))
    assert world.platform.blobs.exists("bucket/theirs.wav")


def test_a_purge_leaves_the_neighbours_alone(world: World) -> None:
    mine = world.completed(audio=bytes_audio(), webhook=HOOK)
    other = world.completed(audio=bytes_audio(), webhook=HOOK)
    deliveries = world.record_events()
    purge(world, mine)
    assert world.status(other) is Status.COMPLETED
    assert len(world.blob_files()) == 2
    kept = world.platform.deliveries.query(DeliveryQuery(tenant="acme")).deliveries
    assert [d.job_id for d in kept] == [other.id]
    assert len(deliveries) == 2


def test_purging_a_running_job_stops_its_worker_first(world: World) -> None:
    job = world.processing(execution="e-4")
    purge(world, job)
    assert world.launcher.stopped == ["e-4"]
    with pytest.raises(NotFound):
        world.job(job)


def test_a_job_that_finishes_while_it_is_purged_is_purged(world: World) -> None:
    job = world.processing()
    world.faults.once(
        "before jobs.replace",
        lambda: complete_job(world.platform, job, make_transcript()),
    )
    purge(world, job)
    assert world.blob_files() == []
    with pytest.raises(NotFound):
        world.job(job)


def test_a_purge_that_was_cut_short_can_be_asked_for_again(world: World) -> None:
    job = world.completed(audio=bytes_audio())
    world.faults.once("after blobs.delete_prefix")
    with pytest.raises(ProcessDied):
        purge(world, job)
    assert world.status(job) is Status.COMPLETED
    purge(world, job)
    assert world.blob_files() == []


def test_purging_again_finds_nothing(world: World) -> None:
    job = world.submit()
    purge(world, job)
    with pytest.raises(NotFound):
        purge(world, job)
    erase_job(world.platform, job.id)


def test_an_event_recorded_during_the_purge_leaves_no_delivery(world: World) -> None:
    job = world.completed(webhook=HOOK)
    events = world.published()
    world.faults.once(
        "before jobs.delete",
        lambda: [record_event(world.platform, event) for event in events],
    )
    purge(world, job)
    assert world.platform.deliveries.query(DeliveryQuery(tenant="acme")).deliveries == ()


def test_a_record_that_is_written_during_the_purge_is_erased_all_the_same(world: World) -> None:
    job = world.completed()
    real = world.deployment.platform.jobs
    world.faults.once("before jobs.delete", lambda: real.replace(real.get(job.id)))
    purge(world, job)
    with pytest.raises(NotFound):
        world.job(job)


def test_a_record_that_is_fought_over_without_end_is_not_said_to_be_erased(world: World) -> None:
    job = world.completed()
    real = world.deployment.platform.jobs
    world.faults.always("before jobs.delete", lambda: real.replace(real.get(job.id)))
    with pytest.raises(Unavailable):
        purge(world, job)


def test_what_a_worker_stores_during_the_purge_is_erased_though_it_dies_at_once(
    world: World,
) -> None:
    job = world.processing()
    part = Part(segments=(), done=1.0, language="en", language_probability=1.0)
    world.faults.once(
        "before jobs.delete", lambda: store_part(world.deployment.platform, job, 0, part)
    )
    purge(world, job)
    assert world.blob_files() == []


def test_of_a_cancelled_job_s_voices_nothing_stays_when_its_completion_is_refused(
    world: World,
) -> None:
    job = world.processing()
    cancel(world, job)
    kept = KeptWork(
        heard=store_heard(world.platform, job, make_transcript()),
        voices=store_voices(world.platform, job, b"voices"),
    )
    with pytest.raises(StaleAttempt):
        complete_job(world.platform, job, make_transcript(), kept=kept)
    assert world.blob_files() == []


def test_what_is_kept_stays_for_the_attempt_that_has_taken_over(world: World) -> None:
    job = world.processing()
    voices = store_voices(world.platform, job, b"voices")
    kept = KeptWork(heard=store_heard(world.platform, job, make_transcript()), voices=voices)
    release_job(world.platform, job)
    with pytest.raises(StaleAttempt):
        complete_job(world.platform, job, make_transcript(), kept=kept)
    assert world.platform.blobs.read(voices) == b"voices"


def test_a_rendering_that_is_left_while_its_job_is_purged_is_erased(world: World) -> None:
    job = world.completed()
    world.faults.once("before blobs.put", lambda: purge(world, job))
    with pytest.raises(NotFound) as caught:
        leave_rendering(world.platform, job, b"text", extension="txt", content_type="text/plain")
    assert caught.value.code == "job_not_found"
    assert world.blob_files() == []


def test_after_a_purge_the_idempotency_key_is_free(world: World) -> None:
    job = world.submit(idempotency_key="k")
    purge(world, job)
    assert submit_job(world.platform, url_submission(idempotency_key="k")).created
