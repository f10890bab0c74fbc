from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shared.domain.errors import (
    Conflict,
    IdempotencyKeyReused,
    InvalidRequest,
    NotFound,
    SourceError,
    Unavailable,
    UrlRefused,
)
from shared.domain.job import Job, JobKind, SourceKind, Status, WebhookTarget
from shared.domain.options import DiarizationArgs, TranscriptionOptions
from shared.domain.saved_work import KeptWork
from shared.services.cancel_job import purge_job
from shared.services.kept_voices import read_voices
from shared.services.rediarize_job import Rediarization, rediarize_job
from shared.services.saved_parts import store_heard, store_voices
from shared.services.work_on_job import complete_job
from tests.support.world import World, make_transcript

TWO = DiarizationArgs(num_speakers=2)
HOOK = WebhookTarget(url="https://example.com/hook")


def keep(world: World, job: Job) -> KeptWork:
    return KeptWork(
        heard=store_heard(world.platform, job, make_transcript(" Heard.")),
        voices=store_voices(world.platform, job, b"voices"),
    )


def diarized(world: World, **changes: Any) -> Job:
    """A completed job that has kept its voices."""
    options = TranscriptionOptions(diarize=True, language="he")
    job = world.processing(options=options, **changes)
    return complete_job(world.platform, job, make_transcript(), kept=keep(world, job))


def again(world: World, parent: Job, **changes: Any) -> Job:
    asked = Rediarization(tenant="acme", job_id=parent.id, **changes)
    return rediarize_job(world.platform, asked).job


def test_a_rediarization_is_a_job_of_its_own_that_the_queue_hears_of(world: World) -> None:
    parent = diarized(world, recording_id="r1", metadata={"a": "b"}, priority=3)
    job = again(world, parent, args=TWO)
    assert (job.kind, job.status, job.id in world.queued()) == (
        JobKind.REDIARIZATION, Status.PENDING, True
    )  # fmt: skip
    assert (job.source.kind, job.source.job_id) == (SourceKind.JOB, parent.id)
    assert job.options == replace(parent.options, diarization_args=TWO)
    assert (job.recording_id, job.metadata, job.priority) == ("r1", {"a": "b"}, 3)
    assert job.retention_seconds == parent.retention_seconds
    assert job.webhook is None
    assert world.job(parent) == parent


def test_what_is_asked_for_goes_before_what_the_finished_job_has(world: World) -> None:
    parent = diarized(world, webhook=HOOK, recording_id="r1")
    other = WebhookTarget(url="https://example.com/other")
    job = again(
        world, parent, webhook=other, recording_id="r2", metadata={}, priority=0,
        retention_seconds=60.0,
    )  # fmt: skip
    assert (job.webhook, job.recording_id, job.metadata) == (other, "r2", {})
    assert (job.priority, job.retention_seconds) == (0, 60.0)
    assert again(world, parent, same_webhook=True).webhook == HOOK


def test_only_a_completed_job_with_voices_can_be_rediarized(world: World) -> None:
    for parent, code in (
        (world.submit(), "job_not_completed"),
        (world.completed(), "job_not_diarized"),
    ):
        with pytest.raises(Conflict) as caught:
            again(world, parent)
        assert caught.value.code == code


def test_another_tenants_job_is_not_there(world: World) -> None:
    parent = diarized(world)
    with pytest.raises(NotFound):
        rediarize_job(world.platform, Rediarization(tenant="other", job_id=parent.id))


@pytest.mark.parametrize(
    "args",
    [
        DiarizationArgs(num_speakers=0),
        DiarizationArgs(num_speakers=2, max_speakers=3),
        DiarizationArgs(min_speakers=4, max_speakers=3),
    ],
)
def test_limits_are_checked_as_in_a_submit(world: World, args: DiarizationArgs) -> None:
    with pytest.raises(InvalidRequest):
        again(world, diarized(world), args=args)


def test_a_webhook_at_a_private_address_is_refused(world: World) -> None:
    with pytest.raises(UrlRefused):
        again(world, diarized(world), webhook=WebhookTarget(url="http://10.0.0.1/"))


def test_the_same_key_gives_the_same_job_and_no_other_request(world: World) -> None:
    parent = diarized(world)
    asked = Rediarization(tenant="acme", job_id=parent.id, args=TWO, idempotency_key="k")
    first = rediarize_job(world.platform, asked)
    second = rediarize_job(world.platform, asked)
    assert (first.created, second.created) == (True, False)
    assert first.job.id == second.job.id
    with pytest.raises(IdempotencyKeyReused):
        rediarize_job(world.platform, replace(asked, args=DiarizationArgs()))


def test_the_worker_is_given_what_the_finished_job_kept(world: World) -> None:
    job = again(world, diarized(world))
    voices, heard = read_voices(world.platform, job)
    assert (voices, heard) == (b"voices", make_transcript(" Heard."))


def test_a_purge_erases_what_was_kept_and_the_worker_is_told(world: World) -> None:
    parent = diarized(world)
    job = again(world, parent)
    purge_job(world.platform, tenant="acme", job_id=parent.id)
    assert not any("voices" in file.name or "heard" in file.name for file in world.blob_files())
    with pytest.raises(SourceError) as caught:
        read_voices(world.platform, job)
    assert caught.value.code == "source_job_erased"


def test_damage_to_what_was_kept_is_told_as_such(world: World) -> None:
    parent = diarized(world)
    job = again(world, parent)
    assert parent.result is not None
    assert parent.result.kept is not None
    world.platform.blobs.put(parent.result.kept.heard, [b"{"], content_type="application/json")
    with pytest.raises(Unavailable):
        read_voices(world.platform, job)


def test_voices_that_a_purge_came_before_are_erased(world: World) -> None:
    job = world.processing()
    purge_job(world.platform, tenant=job.tenant, job_id=job.id)
    kept = keep(world, job)
    with pytest.raises(NotFound):
        complete_job(world.platform, job, make_transcript(), kept=kept)
    assert world.blob_files() == []
