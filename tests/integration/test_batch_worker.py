"""The worker as a job of Batch: a fake Batch runs real worker processes, the stores are local."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from functions.events import BatchJobChanged, read_event
from gpu_job.exit_codes import ExitCode
from shared.adapters.aws.batch_launcher import BatchLauncher
from shared.domain.job import Job, Status
from shared.domain.messages import JobQueued, decode
from shared.ports.platform import Platform
from shared.services.cancel_job import cancel_job
from shared.services.dispatch_job import Dispatch, dispatch_job
from shared.services.sweep import execution_ended, sweep
from shared.settings import environment
from tests.support.batch import batch_running, make_launcher
from tests.support.cloudformation import Stack, load_template
from tests.support.fake_batch import FakeBatch
from tests.support.fake_batch_requests import from_template
from tests.support.platform import make_deployment, make_settings
from tests.support.resumable import BATCH, segment_at
from tests.support.workers import TENANT, result_of, submit, wait_until

REPOSITORY = Path(__file__).parents[2]
TEMPLATE = REPOSITORY / "iac" / "aws" / "batch.yaml"
WORKER = (sys.executable, "-m", "gpu_job")


@dataclass
class Deployment:
    """Local stores, Batch for compute, and what the functions would do with messages and events."""

    platform: Platform
    batch: FakeBatch
    launcher: BatchLauncher
    events: list[dict[str, Any]] = field(default_factory=list)

    def dispatch(self) -> list[Dispatch]:
        """What the dispatch function does with every message that is visible."""
        done = []
        while received := self.platform.queue.receive(limit=10):
            for message in received:
                done.append(dispatch_job(self.platform, decode(JobQueued, message.body).job_id))
                self.platform.queue.delete(message.receipt)
        return done

    def hear(self) -> int:
        """What the sweep function does with Batch's events; how many jobs that freed."""
        freed = 0
        while self.events:
            change = read_event(self.events.pop(0))
            assert isinstance(change, BatchJobChanged)
            freed += sum(execution_ended(self.platform, execution) for execution in change.ended)
        return freed

    def status(self, job: Job) -> Status:
        return self.platform.jobs.get(job.id).status

    def work_until(self, condition: Callable[[], object]) -> None:
        """Play dispatch and sweep functions until it is so."""

        def look() -> object:
            self.hear()
            sweep(self.platform)
            self.dispatch()
            return condition()

        wait_until(look, seconds=40)


def retry_strategy() -> dict[str, Any]:
    """The one of the deployed job definition."""
    template = load_template(TEMPLATE)
    defaults = {name: it.get("Default", "x") for name, it in template["Parameters"].items()}
    properties = Stack(template=template, given=defaults).properties("JobDefinition")
    strategy: dict[str, Any] = from_template(properties)["retryStrategy"]
    return strategy


@pytest.fixture
def deploy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., Deployment]]:
    """Open a deployment whose containers run this program."""
    with ExitStack() as opened:

        def open_deployment(
            program: Sequence[str] = WORKER,
            *,
            null_engine: bool = True,
            slots: int | None = None,
            **settings: Any,
        ) -> Deployment:
            chosen: dict[str, Any] = {
                "worker_idle_seconds": 0.5, "retry_backoff_seconds": 0.0, "lease_seconds": 30.0,
                "redispatch_seconds": 1.0,
            } | settings  # fmt: skip
            variables = environment(
                make_settings(tmp_path / "data", null_engine=null_engine, **chosen)
            )
            events: list[dict[str, Any]] = []
            batch = opened.enter_context(
                batch_running(
                    monkeypatch, tmp_path / "containers", program=program, environment=variables,
                    on_event=events.append, working_folder=REPOSITORY, slots=slots,
                    defined={"retryStrategy": retry_strategy()},
                )
            )  # fmt: skip
            launcher = make_launcher(listing_seconds=0.2, listing_lag_seconds=1.0)
            local = opened.enter_context(
                make_deployment(tmp_path / "data", launcher=launcher, **chosen)
            )
            return Deployment(
                platform=local.platform, batch=batch, launcher=launcher, events=events
            )

        yield open_deployment


def blocking(behaviour: str, marker: Path) -> tuple[str, ...]:
    return (sys.executable, "-m", "tests.support.blocking_worker", behaviour, str(marker))


def test_many_jobs_are_served_by_no_more_containers_than_allowed(
    deploy: Callable[..., Deployment],
) -> None:
    here = deploy(max_workers=2)
    jobs = [submit(here.platform) for _ in range(8)]
    done = here.dispatch()
    assert done.count(Dispatch.LAUNCHED) == 2
    assert done.count(Dispatch.WORKER_BUSY) == 6
    here.work_until(lambda: all(here.status(job) is Status.COMPLETED for job in jobs))
    assert len(here.batch.jobs) == 2, "warm workers went on claiming"
    served = [here.platform.jobs.get(job.id).execution for job in jobs]
    assert set(served) <= {f"{handle}#1" for handle in here.batch.jobs}


def test_a_warm_worker_takes_the_next_job_and_none_is_started_for_it(
    deploy: Callable[..., Deployment],
) -> None:
    here = deploy(max_workers=2, worker_idle_seconds=20.0)
    first = submit(here.platform)
    assert here.dispatch() == [Dispatch.LAUNCHED]
    wait_until(lambda: here.status(first) is Status.COMPLETED, seconds=40)
    second = submit(here.platform)
    assert here.dispatch() in ([Dispatch.WORKER_BUSY], [Dispatch.NOTHING_TO_DO])
    wait_until(lambda: here.status(second) is Status.COMPLETED, seconds=5)
    assert len(here.batch.jobs) == 1


def test_a_container_without_work_ends_well_after_its_idle_time(
    deploy: Callable[..., Deployment],
) -> None:
    here = deploy()
    job = submit(here.platform)
    cancel_job(here.platform, tenant=TENANT, job_id=job.id)
    handle = here.launcher.start(job_id=job.id, attempt=1)
    assert here.batch.wait(handle, seconds=40).status == "SUCCEEDED"
    assert here.status(job) is Status.CANCELLED


def test_two_containers_for_one_job_transcribe_it_once(deploy: Callable[..., Deployment]) -> None:
    """As after a submission that was taken twice."""
    here = deploy()
    job = submit(here.platform)
    handles = [here.launcher.start(job_id=job.id, attempt=1) for _ in range(2)]
    ended = [here.batch.wait(handle, seconds=40) for handle in handles]
    assert {it.status for it in ended} == {"SUCCEEDED"}
    after = here.platform.jobs.get(job.id)
    assert (after.status, after.attempt) == (Status.COMPLETED, 1)


def test_a_lost_host_costs_the_batch_at_work_and_the_container_started_anew_goes_on(
    deploy: Callable[..., Deployment], tmp_path: Path
) -> None:
    log = tmp_path / "decoded"
    held = 2 * BATCH
    program = (sys.executable, "-m", "tests.support.resuming_worker", str(log), "held", str(held))
    here = deploy(program, null_engine=False)
    job = submit(here.platform, diarize=True)
    assert here.dispatch() == [Dispatch.LAUNCHED]
    (handle,) = here.batch.jobs
    wait_until(lambda: log.exists() and f"{held}\n" in log.read_text(), seconds=40)
    wait_until(lambda: (saved := here.platform.jobs.get(job.id).saved) and saved.done == held)
    here.batch.job(handle).lose_host()
    # The lease would hold for another half a minute; Batch's event tells at once.
    here.work_until(lambda: here.status(job) is Status.COMPLETED)
    assert list(here.batch.jobs) == [handle], "Batch started it anew, nobody else did"
    after = here.platform.jobs.get(job.id)
    assert (after.attempt, after.execution) == (2, f"{handle}#2")
    assert [segment.text for segment in result_of(here.platform, job).segments] == [
        segment_at(second).text for second in range(10)
    ]
    begun = [int(line) for line in log.read_text().splitlines()]
    assert sorted(set(begun)) == list(range(10))
    assert len(begun) - 10 == BATCH


def test_events_of_the_first_attempt_that_come_late_free_nothing_of_the_second(
    deploy: Callable[..., Deployment], tmp_path: Path
) -> None:
    marker = tmp_path / "working"
    here = deploy(blocking("polite", marker))
    job = submit(here.platform)
    here.dispatch()
    (handle,) = here.batch.jobs
    wait_until(marker.exists, seconds=40)
    marker.unlink()
    here.batch.job(handle).lose_host()
    here.work_until(marker.exists)
    assert here.platform.jobs.get(job.id).execution == f"{handle}#2"
    assert execution_ended(here.platform, f"{handle}#1") == 0
    here.launcher.stop(f"{handle}#1")
    assert here.batch.calls["TerminateJob"] == 0
    assert here.platform.jobs.get(job.id).attempt == 2
    assert here.status(job) is Status.PROCESSING


@pytest.mark.parametrize("behaviour", ["polite", "native"])
def test_cancel_ends_the_container(
    deploy: Callable[..., Deployment], tmp_path: Path, behaviour: str
) -> None:
    marker = tmp_path / "working"
    here = deploy(blocking(behaviour, marker), heartbeat_seconds=20.0)
    job = submit(here.platform)
    here.dispatch()
    (handle,) = here.batch.jobs
    wait_until(marker.exists, seconds=40)
    cancel_job(here.platform, tenant=TENANT, job_id=job.id)
    ended = here.batch.wait(handle, seconds=5)
    assert (ended.status, len(ended.attempts)) == ("FAILED", 1)
    assert ended.attempts[0]["container"]["exitCode"] == ExitCode.TERMINATED
    assert here.hear() == 0
    assert here.status(job) is Status.CANCELLED


def test_a_spot_notice_gives_the_job_back_uncounted_and_another_container_takes_it(
    deploy: Callable[..., Deployment], tmp_path: Path
) -> None:
    """The machine's watch sends SIGTERM (see the template's test of it)."""
    marker = tmp_path / "working"
    here = deploy(blocking("polite", marker))
    job = submit(here.platform)
    here.dispatch()
    (first,) = here.batch.jobs
    wait_until(marker.exists, seconds=40)
    process = here.batch.job(first).process
    assert process is not None
    marker.unlink()
    process.terminate()
    ended = here.batch.wait(first)
    assert ended.attempts[0]["container"]["exitCode"] == ExitCode.TERMINATED
    assert len(ended.attempts) == 1, "the flow sees to the job; Batch need not"
    assert here.platform.jobs.get(job.id).failures == 0
    here.work_until(marker.exists)
    assert len(here.batch.jobs) == 2


@pytest.mark.parametrize("code", [int(code) for code in ExitCode if code] + [1, 137])
def test_whatever_a_worker_ends_with_batch_does_not_start_it_again(
    deploy: Callable[..., Deployment], code: int
) -> None:
    here = deploy((sys.executable, "-c", f"raise SystemExit({code})"))
    ended = here.batch.wait(here.launcher.start(job_id="job_1", attempt=1))
    assert (ended.status, len(ended.attempts)) == ("FAILED", 1)


def test_a_container_that_dies_without_a_word_has_its_job_tried_again_at_once(
    deploy: Callable[..., Deployment], tmp_path: Path
) -> None:
    """Killed for want of memory, for instance: the host is there, so Batch does nothing."""
    marker = tmp_path / "working"
    here = deploy(blocking("polite", marker))
    job = submit(here.platform)
    here.dispatch()
    (handle,) = here.batch.jobs
    wait_until(marker.exists, seconds=40)
    process = here.batch.job(handle).process
    assert process is not None
    process.kill()
    here.batch.wait(handle)
    assert here.hear() == 1
    after = here.platform.jobs.get(job.id)
    assert (after.status, after.failures) == (Status.PENDING, 1)
    assert after.error is not None
    assert after.error.code == "worker_lost"


def test_a_worker_that_waits_for_a_machine_is_waited_for_and_counts_once(
    deploy: Callable[..., Deployment],
) -> None:
    """Capacity may take hours: asking again starts no second container, and uses up no launch."""
    here = deploy(max_workers=2, redispatch_seconds=0.1, slots=0)
    job = submit(here.platform)
    assert here.dispatch() == [Dispatch.LAUNCHED]
    for _ in range(3):
        wait_until(lambda: sweep(here.platform).seen)
        assert here.dispatch() == [Dispatch.WORKER_BUSY]
    assert here.platform.jobs.get(job.id).launches == 1
    assert len(here.batch.jobs) == 1
