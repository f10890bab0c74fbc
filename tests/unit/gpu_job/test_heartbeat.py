from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from gpu_job.heartbeat import Beat, Heartbeat
from gpu_job.stop import StopFlag, StopReason
from shared.domain.errors import NotFound, StaleAttempt, Unavailable


def beat(*, lease: float = 60.0, deadline: float = 60.0, grace: float = 0.05) -> Beat:
    now = time.monotonic()
    return Beat(every=0.01, lease=lease, held_since=now, deadline=now + deadline, grace=grace)


def wait_for(condition: Callable[[], object], seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.005)


class Renewals:
    """Answers with each error in turn, then well."""

    def __init__(self, *errors: Exception, forever: Exception | None = None) -> None:
        self._errors = list(errors)
        self._forever = forever
        self.count = 0

    def __call__(self) -> None:
        self.count += 1
        error = self._errors.pop(0) if self._errors else self._forever
        if error is not None:
            raise error


def test_it_renews_while_the_work_goes_on_and_then_no_more() -> None:
    renew, stop = Renewals(), StopFlag()
    with Heartbeat(renew=renew, stop=stop, beat=beat(), on_stuck=pytest.fail):
        wait_for(lambda: renew.count >= 3)
    count = renew.count
    time.sleep(0.05)
    assert renew.count == count
    assert stop.reason is None


@pytest.mark.parametrize("error", [StaleAttempt("cancelled"), NotFound("purged")])
def test_a_job_that_was_taken_away_stops_the_work(error: Exception) -> None:
    stop = StopFlag()
    with Heartbeat(renew=Renewals(error), stop=stop, beat=beat(grace=9), on_stuck=pytest.fail):
        wait_for(stop.requested)
    assert stop.reason is StopReason.TAKEN_AWAY


def test_work_that_does_not_stop_is_reported_as_stuck_after_the_grace_time() -> None:
    stop, stuck = StopFlag(), threading.Event()
    reasons: list[StopReason] = []

    def on_stuck(reason: StopReason) -> None:
        reasons.append(reason)
        stuck.set()

    renew = Renewals(StaleAttempt("cancelled"))
    begun = time.monotonic()
    with Heartbeat(renew=renew, stop=stop, beat=beat(grace=0.2), on_stuck=on_stuck):
        assert stuck.wait(5)
    assert reasons == [StopReason.TAKEN_AWAY]
    assert 0.2 <= time.monotonic() - begun < 2.0


def test_a_store_that_is_silent_for_a_moment_does_no_harm() -> None:
    renew, stop = Renewals(Unavailable("?"), Unavailable("?")), StopFlag()
    with Heartbeat(renew=renew, stop=stop, beat=beat(), on_stuck=pytest.fail):
        wait_for(lambda: renew.count >= 5)
    assert stop.reason is None


def test_a_store_that_stays_silent_stops_the_work_when_the_lease_has_run_out() -> None:
    stop, begun = StopFlag(), time.monotonic()
    renew = Renewals(forever=Unavailable("?"))
    with Heartbeat(renew=renew, stop=stop, beat=beat(lease=0.2, grace=9), on_stuck=pytest.fail):
        wait_for(stop.requested)
    assert stop.reason is StopReason.LEASE_LOST
    assert time.monotonic() - begun >= 0.2


def test_a_fault_of_the_heartbeat_itself_stops_the_work() -> None:
    stop = StopFlag()
    renew = Renewals(forever=ZeroDivisionError())
    with Heartbeat(renew=renew, stop=stop, beat=beat(grace=9), on_stuck=pytest.fail):
        wait_for(stop.requested)
    assert stop.reason is StopReason.LEASE_LOST


def test_the_deadline_stops_the_work_although_the_lease_holds() -> None:
    stop = StopFlag()
    limits = beat(deadline=0.1, grace=9)
    with Heartbeat(renew=Renewals(), stop=stop, beat=limits, on_stuck=pytest.fail):
        wait_for(stop.requested)
    assert stop.reason is StopReason.TIME_LIMIT


def test_whoever_asked_first_sees_to_the_end() -> None:
    stop = StopFlag()
    renew = Renewals(forever=StaleAttempt("released"))
    stop.request(StopReason.TERMINATED)
    with Heartbeat(renew=renew, stop=stop, beat=beat(grace=0.01), on_stuck=pytest.fail):
        time.sleep(0.1)
    assert stop.reason is StopReason.TERMINATED
