from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.aws.sort_keys import (
    BEHIND,
    age_key,
    fitting,
    shard_of,
    time_key,
    turn_key,
)
from shared.adapters.aws.table_schema import SHARDS

TIMES = st.floats(allow_nan=False)
NOW = 1_800_000_000.0


@given(TIMES, TIMES)
def test_time_keys_sort_exactly_as_the_times_do(one: float, other: float) -> None:
    assert (time_key(one) < time_key(other)) == (one < other)
    assert (time_key(one) == time_key(other)) == (one == other)


def test_the_smallest_step_of_a_float_is_told_apart() -> None:
    assert time_key(NOW) < time_key(math.nextafter(NOW, math.inf))
    assert time_key(0.3) < time_key(0.1 + 0.2)


def test_higher_priority_comes_first_then_age_then_id() -> None:
    wanted = [
        turn_key(10, NOW + 9, "z"),
        turn_key(0, NOW, "a"),
        turn_key(0, NOW, "b"),
        turn_key(0, NOW + 1, "a"),
        turn_key(-10, NOW - 9, "a"),
    ]
    assert sorted(wanted) == wanted


@given(st.text(max_size=60))
def test_every_record_of_a_time_lies_between_the_time_and_what_is_behind_it(name: str) -> None:
    key = age_key(NOW, name)
    assert time_key(NOW) < key < f"{time_key(NOW)}{BEHIND}"
    assert key < time_key(NOW + 1)


def test_a_name_that_no_key_can_hold_becomes_a_short_one_of_its_own() -> None:
    assert fitting("job_1") == "job_1"
    names = {fitting(name) for name in ("x" * 600, "x" * 601, "\ud800", "\udfff", "שלום" * 100)}
    assert len(names) == 5
    for name in names:
        assert len(name.encode()) <= 512


def test_records_spread_over_the_shards_and_stay_where_they_are() -> None:
    counts = [0] * SHARDS
    for number in range(800):
        counts[shard_of(f"job_{number:026d}")] += 1
    assert min(counts) > 50
    found = (SHARDS, shard_of("job_1"), shard_of("acme"))
    assert found == (8, 3, 6), "records in tables hold them: they may never be others"
