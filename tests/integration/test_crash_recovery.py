"""``kill -9`` of real processes between two writes, and what the next process makes of it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from shared.domain.deliveries import DeliveryStatus
from shared.domain.errors import NotFound
from shared.domain.job import Status, WebhookTarget
from shared.ports.job_store import JobQuery
from shared.services.cancel_job import purge_job
from shared.services.deliver_webhook import deliver_webhook
from shared.services.read_transcript import read_transcript
from shared.services.submit_job import submit_job
from shared.services.sweep import sweep
from shared.services.work_on_job import complete_job
from shared.webhooks.url_guard import UrlPolicy, guarded_client
from tests.support.scripted_server import ScriptedServer, response
from tests.support.world import World, bytes_audio, make_transcript, open_world, url_submission

REPOSITORY = Path(__file__).parents[2]
LOCK_SECONDS = 30.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


def opened(folder: Path, *, later: float = 0.0) -> AbstractContextManager[World]:
    """The deployment as a new process finds it, `later` seconds after the others."""
    return open_world(folder, later=later, allow_loopback_urls=True)


def die(folder: Path, action: str, point: str, *arguments: str, skip: int = 0) -> None:
    """Run the action in a process of its own that is killed at that point."""
    ended = subprocess.run(
        [
            sys.executable, "-m", "tests.support.crash_child",
            action, point, str(skip), str(folder), "1800000000.0", *arguments,
        ],
        cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode == -signal.SIGKILL, ended.stderr


@pytest.fixture
def receiver() -> Iterator[ScriptedServer]:
    with ScriptedServer(lambda _: [response(status="204 No Content")]).running() as server:
        yield server


def ids_received(server: ScriptedServer) -> list[str]:
    lines = [line for head in server.heads for line in head.split("\r\n")]
    return [line.split(": ")[1] for line in lines if line.lower().startswith("webhook-id:")]


def deliver_due(world: World) -> None:
    with guarded_client(UrlPolicy(allow_loopback=True), timeout=5.0, max_redirects=0) as client:
        for delivery in world.platform.deliveries.due(now=world.clock.now(), limit=10):
            deliver_webhook(world.platform, delivery.id, client=client)


@pytest.mark.parametrize("point", ["before queue.send", "after queue.send"])
def test_a_job_whose_server_was_killed_mid_submit_is_done_once(folder: Path, point: str) -> None:
    die(folder, "submit", point, "key")
    with opened(folder, later=100.0) as world:
        (job,) = world.platform.jobs.query(JobQuery(tenant="acme")).jobs
        assert sweep(world.platform).troubled == 0
        assert job.id in world.queued()
        replayed = submit_job(
            world.platform, url_submission(idempotency_key="key", audio=bytes_audio())
        )
        assert (replayed.created, replayed.job.id) == (False, job.id)
        assert world.platform.blobs.read(job.source.key or "") == b"RIFFdata"
        complete_job(world.platform, world.claim(job), make_transcript())
        assert world.status(job) is Status.COMPLETED


def test_a_server_killed_before_the_record_has_promised_nothing(folder: Path) -> None:
    die(folder, "submit", "before jobs.create", "key")
    with opened(folder, later=100.0) as world:
        assert sum(world.platform.jobs.counts().values()) == 0
        again = submit_job(
            world.platform, url_submission(idempotency_key="key", audio=bytes_audio())
        )
        assert again.created


def test_a_worker_killed_before_its_result_is_recorded_is_replaced(folder: Path) -> None:
    with opened(folder) as world:
        job = world.submit()
    die(folder, "complete", "after blobs.put")
    with opened(folder, later=100.0) as world:
        sweep(world.platform)
        assert (world.status(job), world.job(job).failures) == (Status.PENDING, 1)
        assert "child" in world.launcher.stopped
        world.clock.advance(100.0)
        done = complete_job(world.platform, world.claim(job), make_transcript(" again"))
        assert (done.attempt, read_transcript(world.platform, done).text) == (2, "again")


@pytest.mark.parametrize(
    ("point", "published"), [("before events.publish", 1), ("after events.publish", 2)]
)
def test_a_worker_killed_after_its_result_is_recorded_has_completed_the_job(
    folder: Path, point: str, published: int
) -> None:
    with opened(folder) as world:
        job = world.submit()
    die(folder, "complete", point)
    with opened(folder, later=100.0) as world:
        sweep(world.platform)
        done = world.job(job)
        assert (done.status, done.outbox) == (Status.COMPLETED, ())
        ids = [event.event_id for event in world.published()]
        assert ids.count(f"{job.id}_completed") == published
        assert read_transcript(world.platform, done) == make_transcript()


def due_delivery(folder: Path, receiver: ScriptedServer) -> str:
    with opened(folder) as world:
        world.completed(webhook=WebhookTarget(url=receiver.url("/hook")))
        (delivery,) = world.record_events()
        return delivery.id


def test_a_deliverer_killed_between_send_and_record_sends_the_same_event_again(
    folder: Path, receiver: ScriptedServer
) -> None:
    delivery_id = due_delivery(folder, receiver)
    die(folder, "deliver", "before deliveries.replace", delivery_id, skip=1)
    assert ids_received(receiver) == [delivery_id]
    with opened(folder, later=LOCK_SECONDS - 1) as world:
        deliver_due(world)
        assert ids_received(receiver) == [delivery_id]
        world.clock.advance(1)
        deliver_due(world)
        world.clock.advance(100_000)
        deliver_due(world)
        assert ids_received(receiver) == [delivery_id] * 2
        assert world.platform.deliveries.get(delivery_id).status is DeliveryStatus.DELIVERED


def test_a_deliverer_killed_after_the_record_has_told_it_once(
    folder: Path, receiver: ScriptedServer
) -> None:
    delivery_id = due_delivery(folder, receiver)
    die(folder, "deliver", "after deliveries.replace", delivery_id, skip=1)
    with opened(folder, later=100_000.0) as world:
        deliver_due(world)
        assert ids_received(receiver) == [delivery_id]


def test_a_deliverer_killed_before_sending_sends_once_in_all(
    folder: Path, receiver: ScriptedServer
) -> None:
    delivery_id = due_delivery(folder, receiver)
    die(folder, "deliver", "after deliveries.replace", delivery_id)
    assert ids_received(receiver) == []
    with opened(folder, later=LOCK_SECONDS) as world:
        deliver_due(world)
        assert ids_received(receiver) == [delivery_id]


def test_a_purge_that_was_killed_can_be_finished(folder: Path) -> None:
    with opened(folder) as world:
        job = world.completed(audio=bytes_audio())
    die(folder, "purge", "after blobs.delete_prefix", job.id)
    with opened(folder) as world:
        purge_job(world.platform, tenant="acme", job_id=job.id)
        assert world.blob_files() == []
        with pytest.raises(NotFound):
            world.job(job)


def test_a_sweep_that_was_killed_is_taken_up_by_the_next(folder: Path) -> None:
    with opened(folder) as world:
        jobs = [world.submit() for _ in range(3)]
        world.queued()
        world.clock.advance(-1000.0)  # so that the child finds them overdue
        late = [world.submit() for _ in range(3)]
        world.queued()
    die(folder, "sweep", "after jobs.replace", skip=1)
    with opened(folder, later=100.0) as world:
        sweep(world.platform)
        assert set(world.queued()) == {job.id for job in [*jobs, *late]}
