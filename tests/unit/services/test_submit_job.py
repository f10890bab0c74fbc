from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shared.domain.errors import (
    IdempotencyKeyReused,
    InvalidRequest,
    LimitExceeded,
    NotFound,
    TamlilError,
    Unavailable,
    UnsupportedOption,
    UrlRefused,
)
from shared.domain.job import Job, SourceKind, Status, WebhookTarget
from shared.domain.options import TranscriptionOptions
from shared.services.submission import StoredAudio, UploadAudio, UrlAudio
from shared.services.submit_job import Submitted, submit_job
from tests.support.faults import ProcessDied, be_unavailable
from tests.support.world import AUDIO_URL, World, bytes_audio, url_submission

UPLOAD_ID = "upl_00000000000000000000000001"


def submit(world: World, **changes: Any) -> Submitted:
    return submit_job(world.platform, url_submission(**changes))


def test_a_url_becomes_a_pending_job_and_a_message(world: World) -> None:
    submitted = submit(world, recording_id="r1", metadata={"a": "b"}, priority=3)
    job = world.job(submitted.job)
    assert submitted.created
    assert job == submitted.job
    assert (job.status, job.source.kind, job.source.url) == (
        Status.PENDING, SourceKind.URL, AUDIO_URL,
    )  # fmt: skip
    assert (job.recording_id, dict(job.metadata), job.priority) == ("r1", {"a": "b"}, 3)
    assert world.queued() == [job.id]


def test_defaults_are_written_into_the_record_but_for_the_model_which_a_language_decides(
    world: World,
) -> None:
    options = submit(world, options=TranscriptionOptions(language="iw")).job.options
    assert (options.engine, options.model, options.language) == ("faster-whisper", None, "he")


def test_the_bytes_of_a_request_are_stored_before_the_record(world: World) -> None:
    job = submit(world, audio=bytes_audio(b"one", b"two")).job
    assert job.source.key is not None
    assert world.platform.blobs.read(job.source.key) == b"onetwo"
    assert (job.source.size_bytes, job.source.filename) == (6, "my talk.wav")
    assert job.source.key.endswith("/my_talk.wav")


def test_an_empty_file_is_refused_and_leaves_nothing(world: World) -> None:
    with pytest.raises(InvalidRequest) as caught:
        submit(world, audio=bytes_audio(b""))
    assert caught.value.code == "empty_file"
    assert world.blob_files() == []


def test_too_many_bytes_are_refused_and_leave_nothing(world: World) -> None:
    with pytest.raises(LimitExceeded, match="larger than 3 bytes") as caught:
        submit(world, audio=bytes_audio(b"12", b"34", max_bytes=3))
    assert caught.value.code == "payload_too_large"
    assert world.blob_files() == []
    assert sum(world.platform.jobs.counts().values()) == 0


def test_exactly_the_limit_is_accepted(world: World) -> None:
    assert submit(world, audio=bytes_audio(b"123", max_bytes=3)).job.source.size_bytes == 3


def test_the_same_idempotency_key_gives_the_same_job_and_one_message(world: World) -> None:
    first = submit(world, idempotency_key="k")
    again = submit(world, idempotency_key="k")
    assert (first.created, again.created) == (True, False)
    assert again.job.id == first.job.id
    assert world.queued() == [first.job.id]


def test_a_replayed_request_keeps_one_copy_of_the_bytes(world: World) -> None:
    first = submit(world, idempotency_key="k", audio=bytes_audio(b"audio"))
    before = world.blob_files()
    again = submit(world, idempotency_key="k", audio=bytes_audio(b"audio"))
    assert again.job.id == first.job.id
    assert world.blob_files() == before


@pytest.mark.parametrize(
    "other",
    [
        {"audio": UrlAudio(url="https://media.example.com/b.wav")},
        {"options": TranscriptionOptions(diarize=True)},
        {"webhook": WebhookTarget(url="https://other.example.com/")},
        {"recording_id": "r2"},
        {"metadata": {"x": "y"}},
        {"priority": 1},
        {"retention_seconds": 60.0},
    ],
)
def test_the_same_key_with_another_request_is_refused(world: World, other: dict[str, Any]) -> None:
    submit(world, idempotency_key="k")
    with pytest.raises(IdempotencyKeyReused) as caught:
        submit(world, idempotency_key="k", **other)
    assert caught.value.field == "Idempotency-Key"


def test_the_same_key_with_other_bytes_is_refused_and_they_are_erased(world: World) -> None:
    submit(world, idempotency_key="k", audio=bytes_audio(b"audio"))
    before = world.blob_files()
    with pytest.raises(IdempotencyKeyReused):
        submit(world, idempotency_key="k", audio=bytes_audio(b"other"))
    assert world.blob_files() == before


@pytest.mark.parametrize(
    "error",
    [
        LimitExceeded("too large a record", code="record_too_large"),
        Unavailable("may not", code="access_denied", retryable=False),
    ],
)
def test_bytes_whose_job_was_surely_not_written_are_erased(
    world: World, error: TamlilError
) -> None:
    def refuse() -> None:
        raise error

    world.faults.once("before jobs.create", refuse)
    with pytest.raises(type(error)):
        submit(world, audio=bytes_audio(b"audio"))
    assert world.blob_files() == []


def test_bytes_whose_job_may_have_been_written_stay(world: World) -> None:
    world.faults.once("after jobs.create", be_unavailable)
    with pytest.raises(Unavailable):
        submit(world, audio=bytes_audio(b"audio"))
    assert len(world.blob_files()) == 1


def test_two_tenants_may_use_the_same_idempotency_key(world: World) -> None:
    ours = submit(world, idempotency_key="k")
    theirs = submit(world, idempotency_key="k", tenant="globex")
    assert theirs.created
    assert theirs.job.id != ours.job.id


def test_the_same_version_of_an_object_is_the_same_job(world: World) -> None:
    info = world.platform.blobs.put("inbox/a.wav", [b"audio"])
    first = submit(world, audio=StoredAudio(info=info))
    again = submit(world, audio=StoredAudio(info=info))
    assert (again.created, again.job.id) == (False, first.job.id)


def test_a_new_version_of_an_object_is_a_new_job(world: World) -> None:
    first = submit(world, audio=StoredAudio(info=world.platform.blobs.put("inbox/a", [b"one"])))
    second = submit(world, audio=StoredAudio(info=world.platform.blobs.put("inbox/a", [b"two"])))
    assert second.created
    assert second.job.id != first.job.id


def test_an_object_submitted_before_with_other_options_is_named_as_the_reason(
    world: World,
) -> None:
    audio = StoredAudio(info=world.platform.blobs.put("inbox/a", [b"one"]))
    submit(world, audio=audio)
    with pytest.raises(IdempotencyKeyReused) as caught:
        submit(world, audio=audio, idempotency_key="new", priority=2)
    assert caught.value.code == "source_already_submitted"


def test_an_upload_id_that_is_not_ours_is_refused(world: World) -> None:
    with pytest.raises(InvalidRequest) as caught:
        submit(world, audio=UploadAudio(upload_id="../../globex/uploads/x"))
    assert caught.value.field == "upload_id"


def test_a_private_url_is_refused(world: World) -> None:
    with pytest.raises(UrlRefused):
        submit(world, audio=UrlAudio(url="http://169.254.169.254/latest"))


def test_a_private_webhook_is_refused(world: World) -> None:
    with pytest.raises(UrlRefused):
        submit(world, webhook=WebhookTarget(url="http://10.0.0.1/hook"))
    assert sum(world.platform.jobs.counts().values()) == 0


def test_an_unknown_model_is_refused_before_any_byte_is_stored(world: World) -> None:
    with pytest.raises(UnsupportedOption):
        submit(world, audio=bytes_audio(), options=TranscriptionOptions(model="huge"))
    assert world.blob_files() == []


def test_a_queue_that_is_down_does_not_refuse_the_job(world: World) -> None:
    world.faults.always("before queue.send")
    job = submit(world).job
    assert world.status(job) is Status.PENDING
    assert job.wake_at is not None


def test_a_store_that_is_down_promises_nothing(world: World) -> None:
    world.faults.always("before jobs.create")
    with pytest.raises(Unavailable):
        submit(world)
    assert world.queued() == []


def test_a_replay_after_a_death_between_record_and_queue_finds_the_job(world: World) -> None:
    world.faults.once("before queue.send")
    with pytest.raises(ProcessDied):
        submit(world, idempotency_key="k")
    again = submit(world, idempotency_key="k")
    assert not again.created
    assert again.job.status is Status.PENDING


def test_of_two_racing_requests_with_one_key_one_creates(world: World) -> None:
    """The other one has looked and found nothing when the first one writes."""
    winners: list[Job] = []

    def interloper() -> None:
        winners.append(submit(world, idempotency_key="k").job)

    world.faults.once("before jobs.create", interloper)
    late = submit(world, idempotency_key="k")
    assert not late.created
    assert late.job.id == winners[0].id


def test_the_deployments_retention_is_the_default(world: World) -> None:
    limits = replace(world.platform.limits, retention_seconds=77.0)
    platform = replace(world.platform, limits=limits)
    assert submit_job(platform, url_submission()).job.retention_seconds == 77.0
    own = submit_job(platform, url_submission(retention_seconds=5.0))
    assert own.job.retention_seconds == 5.0


def test_a_job_of_another_tenant_is_not_found(world: World) -> None:
    from shared.services.read_job import read_job

    job = submit(world).job
    with pytest.raises(NotFound) as caught:
        read_job(world.platform, tenant="globex", job_id=job.id)
    assert caught.value.code == "job_not_found"
