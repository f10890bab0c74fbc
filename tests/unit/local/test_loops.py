from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from functions.local.loop import Loop
from functions.local.queue_pump import QueuePump
from functions.local.worker_watch import WorkerWatch
from shared.domain.errors import Unavailable
from shared.domain.job import Status
from shared.services.claim_job import claim_job
from shared.services.submission import Submission, UrlAudio
from shared.services.submit_job import submit_job
from shared.wiring.local import LocalDeployment
from tests.support.clock import FakeClock
from tests.support.platform import RecordingLauncher, make_deployment


def run_loop(step: Callable[[threading.Event], bool]) -> None:
    """Run a step until it sets the event."""
    stopping = threading.Event()
    loop = Loop("test", lambda: step(stopping), poll_seconds=0.001, stopping=stopping)
    loop.start()
    assert loop.join(10)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (Unavailable("the database did not answer"), "did not answer"),
        (KeyError("x"), "loop failed"),
    ],
)
def test_a_loop_outlives_trouble_and_tells_of_it(
    fault: Exception, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    troubles = [fault, fault]

    def step(stopping: threading.Event) -> bool:
        if troubles:
            raise troubles.pop()
        stopping.set()
        return False

    with caplog.at_level(logging.WARNING):
        run_loop(step)
    assert sum(told in record.getMessage() for record in caplog.records) == 2
    assert all(record.exc_info for record in caplog.records) == isinstance(fault, KeyError)


def test_a_loop_with_work_does_not_wait() -> None:
    rounds = 0
    stopping = threading.Event()

    def step() -> bool:
        nonlocal rounds
        rounds += 1
        if rounds == 50:
            stopping.set()
        return True

    loop = Loop("test", step, poll_seconds=60, stopping=stopping)
    loop.start()
    assert loop.join(10)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def launcher() -> RecordingLauncher:
    return RecordingLauncher()


@pytest.fixture
def deployment(
    tmp_path: Path, clock: FakeClock, launcher: RecordingLauncher
) -> Iterator[LocalDeployment]:
    with make_deployment(tmp_path, clock=clock, launcher=launcher) as made:
        yield made


def test_a_message_is_deleted_only_when_its_function_is_done(
    deployment: LocalDeployment, clock: FakeClock
) -> None:
    queue = deployment.platform.queue
    queue.send("work")
    seen: list[str] = []

    def function(body: str) -> None:
        seen.append(body)
        if len(seen) < 3:
            raise Unavailable("the launcher did not answer")

    pump = QueuePump(queue, function)
    assert pump.step()
    assert not pump.step()  # it waits before it comes again
    clock.advance(1.1)
    assert pump.step()
    clock.advance(1.1)
    assert not pump.step()  # longer each time
    clock.advance(1.0)
    assert pump.step()
    assert seen == ["work"] * 3
    assert (queue.depth().waiting, queue.depth().in_flight) == (0, 0)


def test_a_function_that_always_fails_ends_in_the_dead_letters(
    deployment: LocalDeployment, clock: FakeClock
) -> None:
    queue = deployment.platform.queue
    queue.send("work")

    def function(_: str) -> None:
        raise Unavailable("never works")

    pump = QueuePump(queue, function)
    for _ in range(10):
        pump.step()
        clock.advance(60)
    assert [letter.body for letter in queue.dead_letters()] == ["work"]


def test_a_worker_that_ended_loses_its_job_at_once(
    deployment: LocalDeployment, launcher: RecordingLauncher
) -> None:
    platform = deployment.platform
    audio = UrlAudio(url="https://example.com/a.mp3")
    job = submit_job(platform, Submission(tenant="acme", audio=audio)).job
    watch = WorkerWatch(platform)
    execution = launcher.start(job_id=job.id, attempt=1)
    watch.step()
    claim_job(platform, job.id, worker="w", execution=execution)
    watch.step()
    assert platform.jobs.get(job.id).status is Status.PROCESSING
    launcher.stop(execution)
    watch.step()
    found = platform.jobs.get(job.id)
    assert (found.status, found.failures) == (Status.PENDING, 1)


def test_an_ended_worker_is_remembered_until_its_job_is_freed(
    deployment: LocalDeployment, launcher: RecordingLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = deployment.platform
    audio = UrlAudio(url="https://example.com/a.mp3")
    job = submit_job(platform, Submission(tenant="acme", audio=audio)).job
    watch = WorkerWatch(platform)
    execution = launcher.start(job_id=job.id, attempt=1)
    watch.step()
    claim_job(platform, job.id, worker="w", execution=execution)
    launcher.stop(execution)
    with monkeypatch.context() as patched:
        patched.setattr(platform.jobs, "held_by", _unavailable)
        with pytest.raises(Unavailable):
            watch.step()
    watch.step()
    assert platform.jobs.get(job.id).status is Status.PENDING


def _unavailable(_: str) -> None:
    raise Unavailable("the database did not answer")
