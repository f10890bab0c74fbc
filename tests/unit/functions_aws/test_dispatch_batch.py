from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from functions.dispatch.batch import NEEDED_SECONDS, handle_batch
from functions.observability.emit import MetricsLog
from shared.adapters.aws import batch_launcher, clients
from shared.domain.errors import InvalidRequest, Unavailable
from shared.domain.job import Job
from shared.domain.messages import JobQueued, encode
from tests.support.faults import be_unavailable
from tests.support.functions_aws import Emitted, documented, failed_ids, sqs_event
from tests.support.platform import RecordingLauncher
from tests.support.stack import functions as deployed
from tests.support.world import World, open_world


def dispatch(
    world: World, event: dict[str, Any], metrics: MetricsLog, *, seconds: float = 60.0
) -> list[str]:
    answer = handle_batch(world.platform, event, metrics=metrics, time_left=lambda: seconds)
    return failed_ids(answer)


def messages(*jobs: Job) -> dict[str, Any]:
    return sqs_event(*(encode(JobQueued(job_id=job.id)) for job in jobs))


def test_a_message_starts_a_worker(
    world: World, metrics: MetricsLog, emitted: Callable[[], Emitted]
) -> None:
    job = world.submit()
    assert dispatch(world, messages(job), metrics) == []
    assert [job_id for _, job_id in world.launcher.started] == [job.id]
    assert emitted().of("Dispatches", outcome="launched") == [1.0]


def test_only_what_failed_comes_again(
    world: World, metrics: MetricsLog, emitted: Callable[[], Emitted]
) -> None:
    job = world.submit()
    event = sqs_event("not a message of ours", encode(JobQueued(job_id=job.id)), "{}")
    assert dispatch(world, event, metrics) == ["m1", "m3"]
    assert len(world.launcher.started) == 1
    found = emitted()
    assert found.of("MessagesFailed", queue="jobs") == [2.0]
    assert found.of("Dispatches", outcome="launched") == [1.0]


def test_a_batch_that_fails_as_a_whole_comes_again_as_a_whole(
    world: World, metrics: MetricsLog
) -> None:
    first, second = world.submit(), world.submit()
    world.faults.always("before jobs.get", be_unavailable)
    assert dispatch(world, messages(first, second), metrics) == ["m1", "m2"]
    world.faults.clear()
    assert dispatch(world, messages(first, second), metrics) == []
    assert len(world.launcher.started) == 1


def test_a_fault_of_ours_is_given_back_too_and_told_in_full(
    world: World, metrics: MetricsLog, caplog: pytest.LogCaptureFixture
) -> None:
    def fault() -> None:
        raise ZeroDivisionError

    job = world.submit()
    world.faults.once("before jobs.get", fault)
    assert dispatch(world, messages(job), metrics) == ["m1"]
    assert [record.exc_info is not None for record in caplog.records] == [True]


class CountingLauncher(RecordingLauncher):
    asked = 0

    def active(self) -> frozenset[str]:
        self.asked += 1
        return super().active()


def test_a_batch_asks_once_how_many_workers_run_and_counts_those_it_starts(
    tmp_path: Any, metrics: MetricsLog
) -> None:

    with open_world(tmp_path, max_workers=2) as world:
        launcher = CountingLauncher()
        world.platform = replace(world.platform, launcher=launcher)
        jobs = [world.submit() for _ in range(5)]
        assert dispatch(world, messages(*jobs), metrics) == []
        assert launcher.asked == 1
        assert [job_id for _, job_id in launcher.started] == [job.id for job in jobs[:2]]


def test_what_there_is_no_time_for_comes_again_untouched(world: World, metrics: MetricsLog) -> None:
    job = world.submit()
    assert dispatch(world, messages(job), metrics, seconds=1.0) == ["m1"]
    assert world.launcher.started == []
    assert world.job(job).launches == 0


class SlowLauncher(RecordingLauncher):
    """Batch, being silent or throttled: seconds until it has listed, and until it takes no job."""

    def __init__(self, *, listing: float, launch: float) -> None:
        super().__init__()
        self.now = 0.0
        self.tries = 0
        self._listing, self._launch = listing, launch

    def start(self, *, job_id: str, attempt: int) -> str:
        self.tries += 1
        self.now += self._launch
        raise Unavailable("Batch took no worker")

    def active(self) -> frozenset[str]:
        self.now += self._listing
        return super().active()


@pytest.mark.parametrize(("listing", "launch"), [(0.1, 38.0), (30.0, 38.0), (0.1, 0.1)])
def test_a_slow_launcher_costs_no_job_a_launch_and_the_invocation_ends_in_time(
    tmp_path: Any, metrics: MetricsLog, listing: float, launch: float
) -> None:
    timeout = float(deployed()["DispatchFunction"]["Timeout"])
    with open_world(tmp_path, max_workers=10) as world:
        slow = SlowLauncher(listing=listing, launch=launch)
        world.platform = replace(world.platform, launcher=slow)
        jobs = [world.submit() for _ in range(10)]
        answer = handle_batch(
            world.platform,
            messages(*jobs),
            metrics=metrics,
            time_left=lambda: timeout - slow.now,
        )
        assert len(failed_ids(answer)) == 10
        assert slow.now < timeout
        assert slow.tries <= 1, "what is slow now is slow for the next record too"
        assert {world.job(job).launches for job in jobs} == {0}


def test_a_launch_is_begun_only_if_it_can_be_ended_and_taken_back() -> None:
    made = clients.function_clients()
    submission = made._connect_seconds + made._read_seconds
    waits = sum(2**number for number in range(made._max_attempts - 1))
    looking = batch_launcher.BACKOFF_SECONDS + made._max_attempts * submission + waits
    last_wait = batch_launcher.BACKOFF_SECONDS * 2 ** (batch_launcher.SUBMISSIONS - 1)
    # Either it is submitted in time, or looked for so long that it is not submitted any more.
    longest = batch_launcher.SUBMISSION_SECONDS + max(submission + looking, last_wait + looking)
    assert longest + 2 < NEEDED_SECONDS < deployed()["DispatchFunction"]["Timeout"]


def test_a_duplicate_starts_nothing(
    world: World, metrics: MetricsLog, emitted: Callable[[], Emitted]
) -> None:
    job = world.submit()
    assert dispatch(world, messages(job, job, job), metrics) == []
    assert len(world.launcher.started) == 1
    assert emitted().of("Dispatches", outcome="worker_busy") == [1.0, 1.0]


def test_the_documented_batches_are_worked_off(world: World, metrics: MetricsLog) -> None:
    """Their jobs are gone from this deployment, which is no error; the poison is."""
    assert dispatch(world, documented("dispatch/jobs"), metrics) == []
    poison = documented("dispatch/poison")
    assert dispatch(world, poison, metrics) == [poison["Records"][1]["messageId"]]


@pytest.mark.parametrize("event", [{}, {"Records": None}, {"Records": [{"s3": {}}]}])
def test_what_is_no_batch_is_refused(
    world: World, metrics: MetricsLog, event: dict[str, Any]
) -> None:
    with pytest.raises(InvalidRequest):
        dispatch(world, event, metrics)
