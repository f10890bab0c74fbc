from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.numbers import median_ratio, percentile
from bench.report import (
    HEADER,
    higher_is_better,
    lower_is_better,
    measured,
    no_worse,
    table,
    write_json,
)


def test_a_ratio_above_one_means_that_ours_is_better() -> None:
    assert lower_is_better("wall", 2.0, 4.0, unit="s").ratio == 2.0
    assert higher_is_better("throughput", 50.0, 100.0, unit="1/s").ratio == 0.5
    assert "above 1 ours is better" in HEADER


def test_a_ratio_taken_round_by_round_replaces_that_of_the_figures() -> None:
    row = lower_is_better("wall", 2.0, 4.0, unit="s", ratio=1.9, target=1.9)
    assert (row.ratio, row.met) == (1.9, True)


@pytest.mark.parametrize(("ours", "met"), [(10.0, True), (10.1, False)])
def test_a_target_is_the_least_ratio(ours: float, met: bool) -> None:  # noqa: FBT001 - a parameter
    assert lower_is_better("wall", ours, 9.0, unit="s", target=0.9).met is met


@pytest.mark.parametrize(("lost", "met"), [(0, True), (1, False)])
def test_without_a_peer_the_target_is_the_most(lost: int, met: bool) -> None:  # noqa: FBT001 - same
    assert measured("lost", lost, unit="jobs", at_most=0).met is met


def test_a_row_without_a_target_is_neither_met_nor_missed() -> None:
    assert measured("drain", 3.0, unit="s").met is None
    assert lower_is_better("wall", 2.0, 4.0, unit="s").met is None


def test_a_figure_of_zero_gives_no_ratio_and_misses_its_target() -> None:
    row = lower_is_better("wall", 0.0, 4.0, unit="s", target=0.9)
    assert (row.ratio, row.met) == (None, False)


def test_the_table_says_what_was_missed() -> None:
    lines = table([lower_is_better("wall", 20.0, 9.0, unit="s", target=0.9)]).splitlines()
    assert lines[-1].split() == ["0.45", "0.90", "MISSED", "wall", "20", "9", "s"]


def test_the_json_holds_exactly_the_agreed_fields(tmp_path: Path) -> None:
    path = tmp_path / "build" / "bench.json"
    write_json([measured("lost", 0, unit="jobs", at_most=0)], path)
    assert json.loads(path.read_text(encoding="utf-8")) == [
        {
            "name": "lost",
            "ours": 0,
            "peer": None,
            "unit": "jobs",
            "ratio": None,
            "target": 0,
            "met": True,
        }
    ]


@pytest.mark.parametrize(
    ("percent", "expected"), [(50, 50), (99, 99), (99.1, 100), (100, 100), (0.5, 1)]
)
def test_a_percentile_is_the_value_at_its_nearest_rank(percent: float, expected: int) -> None:
    assert percentile(range(100, 0, -1), percent) == expected


def test_the_percentile_of_one_value_is_that_value() -> None:
    assert percentile([7.0], 50) == percentile([7.0], 99) == 7.0


@pytest.mark.parametrize(("values", "percent"), [([], 50), ([1.0], 0), ([1.0], 101)])
def test_a_percentile_that_makes_no_sense_is_refused(values: list[float], percent: float) -> None:
    with pytest.raises(ValueError, match="percent"):
        percentile(values, percent)


def test_rounds_are_compared_one_by_one() -> None:
    assert median_ratio(peer=[10.0, 30.0, 8.0], ours=[10.0, 20.0, 16.0]) == 1.0


def test_rounds_without_a_counterpart_are_refused() -> None:
    with pytest.raises(ValueError, match="longer"):
        median_ratio(peer=[1.0], ours=[1.0, 2.0])


def test_rows_of_other_benchmarks_stay_and_those_of_the_same_name_are_replaced(
    tmp_path: Path,
) -> None:
    path = tmp_path / "bench.json"
    write_json([measured("a", 1, unit="s"), measured("b", 1, unit="s")], path)
    write_json([measured("c", 3, unit="s"), measured("a", 2, unit="s")], path)
    rows = json.loads(path.read_text(encoding="utf-8"))
    assert [(row["name"], row["ours"]) for row in rows] == [("a", 2), ("b", 1), ("c", 3)]


@pytest.mark.parametrize(
    ("ours", "peer", "met"), [(0.0, 0.0, True), (2.0, 2.0, True), (2.1, 2.0, False), (0.0, 1, True)]
)
def test_errors_may_be_as_many_as_the_peers(ours: float, peer: float, met: bool) -> None:  # noqa: FBT001 - a parameter
    assert no_worse("errors", ours, peer, unit="%").met is met
