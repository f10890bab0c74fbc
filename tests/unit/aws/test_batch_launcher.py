"""What the Batch launcher promises beyond the port, through the real SDK."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.aws.batch_launcher import SUBMISSIONS, BatchLauncher, job_name
from shared.adapters.aws.clients import AwsClients
from shared.domain.errors import Unavailable
from tests.support.batch import (
    DEFINITION,
    QUEUE,
    RETRY_ON_HOST_LOSS,
    batch_running,
    definition,
    make_launcher,
)
from tests.support.fake_batch import FakeBatch, Fault

TELL = "import json, os; print(json.dumps(dict(os.environ)))"
WAIT = "import time; time.sleep(60)"


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., FakeBatch]]:
    """Open a Batch whose containers run this code."""
    opened: list[Any] = []

    def open_batch(code: str = "pass", **more: Any) -> FakeBatch:
        opened.append(batch_running(monkeypatch, tmp_path / "logs", code=code, **more))
        batch: FakeBatch = opened[-1].__enter__()
        return batch

    yield open_batch
    for manager in opened:
        manager.__exit__(None, None, None)


def test_the_worker_is_told_its_job_and_batch_names_it_by_job_and_attempt(
    start: Callable[..., FakeBatch],
) -> None:
    batch = start(TELL)
    handle = make_launcher().start(job_id="job_01J", attempt=2)
    job = batch.wait(handle)
    assert re.fullmatch(r"tamlil-job_01J-2-[0-9a-f]{8}", job.name)
    assert json.loads(batch.log(handle))["TAMLIL_JOB_ID"] == "job_01J"


def test_a_deployment_s_workers_are_tagged_with_its_name(start: Callable[..., FakeBatch]) -> None:
    batch = start()
    handle = make_launcher(deployment="live").start(job_id="job_1", attempt=1)
    assert batch.job(handle).document()["tags"] == {"tamlil-deployment": "live"}
    assert batch.job(make_launcher().start(job_id="job_1", attempt=1)).document()["tags"] == {}


@pytest.mark.parametrize("job_id", ["job_01J", "a/b c.d", "j" * 300, "", "ÿ#"])
def test_a_name_is_one_that_batch_takes(job_id: str) -> None:
    name = job_name(job_id, 123, "0a1b2c3d")
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}", name)
    assert name.endswith("-123-0a1b2c3d")


@pytest.mark.parametrize("kind", ["broken_after", "dropped_after", "cut_after"])
def test_a_submission_without_a_clear_answer_is_found_and_not_repeated(
    start: Callable[..., FakeBatch], kind: str
) -> None:
    batch = start(WAIT)
    batch.faults += [Fault("SubmitJob", kind)]
    handle = make_launcher().start(job_id="job_1", attempt=1)
    assert set(batch.jobs) == {handle}
    assert batch.calls["SubmitJob"] == 1


@pytest.mark.parametrize("kind", ["throttled", "broken"])
def test_a_submission_that_was_not_taken_is_repeated(
    start: Callable[..., FakeBatch], kind: str
) -> None:
    batch = start(WAIT)
    batch.faults += [Fault("SubmitJob", kind, times=SUBMISSIONS - 1)]
    waits: list[float] = []
    handle = make_launcher(sleep=waits.append).start(job_id="job_1", attempt=1)
    assert set(batch.jobs) == {handle}
    assert len(waits) >= SUBMISSIONS - 1
    assert sum(waits) < 12


def test_throttling_that_does_not_end_is_told_and_leaves_no_worker(
    start: Callable[..., FakeBatch],
) -> None:
    batch = start()
    batch.faults += [Fault("SubmitJob", "throttled", times=100)]
    with pytest.raises(Unavailable) as caught:
        make_launcher().start(job_id="job_1", attempt=1)
    assert caught.value.retryable
    assert (batch.calls["SubmitJob"], batch.jobs) == (SUBMISSIONS, {})
    assert batch.calls["ListJobs"] == 0, "what was throttled was surely not taken"


def test_a_submission_that_batch_refuses_is_not_repeated(
    start: Callable[..., FakeBatch],
) -> None:
    batch = start()
    batch.definitions.clear()
    with pytest.raises(Unavailable, match="ClientException"):
        make_launcher().start(job_id="job_1", attempt=1)
    assert batch.calls["SubmitJob"] == 1


def test_a_job_that_a_listing_does_not_show_yet_is_submitted_again_under_its_name(
    start: Callable[..., FakeBatch],
) -> None:
    """Two workers for one job then: the second claims nothing of it, and ends."""
    batch = start(WAIT, listing_lag=60)
    batch.faults += [Fault("SubmitJob", "broken_after")]
    handle = make_launcher().start(job_id="job_1", attempt=1)
    assert handle in batch.jobs
    assert len({job.name for job in batch.jobs.values()}) == 1


def test_a_job_that_a_listing_shows_late_is_found_before_another_is_submitted(
    start: Callable[..., FakeBatch],
) -> None:
    batch = start(WAIT, listing_lag=60)
    batch.faults += [Fault("SubmitJob", "broken_after")]
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) > 1:  # it was looked for once, in vain
            batch.listing_lag = 0.0

    handle = make_launcher(sleep=sleep).start(job_id="job_1", attempt=1)
    assert set(batch.jobs) == {handle}
    assert batch.calls["SubmitJob"] == 1


def test_what_was_started_is_active_before_a_listing_shows_it(
    start: Callable[..., FakeBatch],
) -> None:
    batch = start(WAIT, listing_lag=60)
    launcher = make_launcher(listing_seconds=0)
    handle = launcher.start(job_id="job_1", attempt=1)
    assert launcher.active() == {handle}
    assert make_launcher().active() == frozenset(), "another process has to wait for the listing"
    assert set(batch.jobs) == {handle}


def test_what_never_shows_is_not_active_for_ever(start: Callable[..., FakeBatch]) -> None:
    batch = start(listing_lag=60)
    launcher = make_launcher(listing_seconds=0, listing_lag_seconds=0.2)
    batch.wait(launcher.start(job_id="job_1", attempt=1))
    time.sleep(0.3)
    assert launcher.active() == frozenset()


def test_what_has_ended_at_once_is_not_taken_for_one_that_is_still_to_come(
    start: Callable[..., FakeBatch],
) -> None:
    batch = start()
    launcher = make_launcher(listing_seconds=0)
    batch.wait(launcher.start(job_id="job_1", attempt=1))
    assert launcher.active() == frozenset()


def test_every_state_between_submission_and_end_is_active(
    start: Callable[..., FakeBatch],
) -> None:
    batch = start(WAIT, slots=1)
    launcher = make_launcher()
    running = launcher.start(job_id="job_1", attempt=1)
    batch.wait(running, "RUNNING")
    waiting = launcher.start(job_id="job_2", attempt=1)
    batch.wait(waiting, "RUNNABLE")
    assert make_launcher().active() == {running, waiting}
    launcher.stop(running)
    batch.wait(running)
    batch.wait(waiting, "RUNNING")
    assert make_launcher().active() == {waiting}


@pytest.mark.parametrize(
    "named", [DEFINITION, f"{DEFINITION}:2", f"arn:aws:batch:x:y:z/{DEFINITION}:2"]
)
def test_of_a_shared_queue_only_jobs_of_the_own_definition_count(
    start: Callable[..., FakeBatch], named: str
) -> None:
    batch = start(WAIT)
    older = make_launcher().start(job_id="job_1", attempt=1)
    batch.register(definition())
    newer = make_launcher().start(job_id="job_2", attempt=1)
    batch.register(definition() | {"jobDefinitionName": "render"})
    BatchLauncher(AwsClients(), queue=QUEUE, definition="render").start(job_id="x", attempt=1)
    assert len(batch.jobs) == 3
    launcher = BatchLauncher(AwsClients(), queue=QUEUE, definition=named)
    assert launcher.active() == {older, newer}


def test_looking_again_soon_asks_batch_nothing(start: Callable[..., FakeBatch]) -> None:
    """Ten messages of one batch cost one listing: one call for each of four states."""
    batch = start(WAIT)
    launcher = make_launcher(listing_seconds=60)
    for number in range(10):
        assert len(launcher.active()) == number
        launcher.start(job_id=f"job_{number}", attempt=1)
    assert batch.calls == {"ListJobs": 4, "SubmitJob": 10}


def test_long_listings_are_read_to_their_end(start: Callable[..., FakeBatch]) -> None:
    start(WAIT, page=2, slots=0)
    launcher = make_launcher()
    handles = {launcher.start(job_id=f"job_{number}", attempt=1) for number in range(5)}
    assert make_launcher().active() == handles


def test_a_throttled_listing_is_repeated_and_then_told(start: Callable[..., FakeBatch]) -> None:
    batch = start()
    batch.faults += [Fault("ListJobs", "throttled", times=1)]
    assert make_launcher().active() == frozenset()
    batch.faults += [Fault("ListJobs", "cut_after", times=100)]
    with pytest.raises(Unavailable):
        make_launcher().active()


def test_an_attempt_that_is_over_stops_no_later_one(start: Callable[..., FakeBatch]) -> None:
    """The host of the first was lost; the sweep may tell of it when the second is at work."""
    batch = start(WAIT, defined={"retryStrategy": RETRY_ON_HOST_LOSS})
    launcher = make_launcher()
    handle = launcher.start(job_id="job_1", attempt=1)
    batch.wait(handle, "RUNNING").lose_host()
    job = batch.job(handle)
    with job.condition:  # what lies between may be over before a busy machine looks
        assert job.condition.wait_for(
            lambda: job.attempts and job.process and job.status == job.told == "RUNNING", timeout=20
        )
    launcher.stop(f"{handle}#1")
    assert batch.calls["TerminateJob"] == 0
    assert job.status == "RUNNING"
    launcher.stop(f"{handle}#2")
    assert batch.wait(handle).status == "FAILED"
    launcher.stop(f"{handle}#2")
    launcher.stop(f"{handle}#x")
    assert batch.calls["TerminateJob"] == 1


def test_a_worker_that_waits_for_a_machine_can_be_stopped(
    start: Callable[..., FakeBatch],
) -> None:
    batch = start(WAIT, slots=0)
    launcher = make_launcher()
    handle = launcher.start(job_id="job_1", attempt=1)
    batch.wait(handle, "RUNNABLE")
    launcher.stop(f"{handle}#1")
    assert batch.wait(handle).attempts == []


def test_a_terminated_worker_is_never_tried_again(start: Callable[..., FakeBatch]) -> None:
    batch = start(WAIT, defined={"retryStrategy": {"attempts": 5}})
    launcher = make_launcher()
    handle = launcher.start(job_id="job_1", attempt=1)
    batch.wait(handle, "RUNNING")
    launcher.stop(handle)
    assert len(batch.wait(handle).attempts) == 1


def test_a_batch_that_does_not_answer_is_unavailable(
    start: Callable[..., FakeBatch], monkeypatch: pytest.MonkeyPatch
) -> None:
    start()
    monkeypatch.setenv("AWS_ENDPOINT_URL_BATCH", "http://127.0.0.1:9")
    launcher = make_launcher()
    for call in (
        launcher.active,
        lambda: launcher.stop("4c7599ae#1"),
        lambda: launcher.start(job_id="job_1", attempt=1),
    ):
        with pytest.raises(Unavailable):
            call()
