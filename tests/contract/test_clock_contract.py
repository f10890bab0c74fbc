"""Every sentence of `shared.ports.clock`, for the real parts and for the tests' own."""

from __future__ import annotations

import re
import time

import pytest

from shared.adapters.system_clock import SystemClock, UlidSource
from shared.ports.clock import Clock, IdSource
from tests.support.clock import FakeClock, SequentialIds


@pytest.mark.parametrize("ids", [UlidSource(), SequentialIds()])
def test_ids_have_their_prefix_and_26_characters_and_are_unique(ids: IdSource) -> None:
    made = [ids.new("job") for _ in range(1000)]
    assert len(set(made)) == 1000
    assert all(re.fullmatch(r"job_[0-9a-z]{26}", one) for one in made)


def test_ids_sort_by_time() -> None:
    ids = UlidSource()
    first = ids.new("job")
    time.sleep(0.002)
    assert first < ids.new("job")


def test_the_system_clock_tells_unix_time() -> None:
    clock: Clock = SystemClock()
    assert clock.now() == pytest.approx(time.time(), abs=5)


def test_the_fake_clock_stands_still_until_it_is_advanced() -> None:
    clock = FakeClock()
    assert (clock.now(), clock.now()) == (1_800_000_000.0, 1_800_000_000.0)
    clock.advance(1.5)
    assert clock.now() == 1_800_000_001.5
