from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_job.engines.chunks import PAD_SECONDS, WINDOW_SECONDS, Window, cover, pack
from gpu_job.engines.ports import Region
from gpu_job.engines.speech import FRAME, speech_regions
from tests.support.whisper import ramp, silence, times_of


def _regions(*spans: tuple[float, float]) -> tuple[Region, ...]:
    return tuple(Region(start=start, end=end) for start, end in spans)


def _spans(regions: tuple[Region, ...]) -> list[tuple[Any, Any]]:
    return [(pytest.approx(region.start), pytest.approx(region.end)) for region in regions]


def test_neighbouring_speech_shares_a_window_up_to_whispers_limit() -> None:
    first, second = pack(_regions((0, 10), (10.5, 20), (21, 29.5), (30.2, 40)), 60)
    assert (first.speech[-1].end, second.speech[0].start) == (29.5, 30.2)


def test_of_a_long_silence_only_its_edges_are_decoded() -> None:
    (window,) = pack(_regions((5, 8), (100, 103)), 200)
    assert _spans(window.pieces) == [(4.6, 8.4), (99.6, 103.4)]
    assert window.seconds == pytest.approx(7.6)


def test_a_time_in_a_window_is_a_time_in_the_audio() -> None:
    (window,) = pack(_regions((5, 8), (100, 103)), 200)
    assert window.locate(0.4, 1.0) == pytest.approx((5.0, 5.6))
    assert window.locate(4.2, 5.2) == pytest.approx((100.0, 101.0))
    across = window.locate(3.0, 4.5)
    assert across == pytest.approx((7.6, 8.4)), "a word lies in one piece"


def test_the_decoder_is_given_just_these_samples() -> None:
    (window,) = pack(_regions((5, 8), (100, 103)), 200)
    times = times_of(window.samples(ramp(200)))
    assert len(times) == round(7.6 * 16_000)
    assert (times[0], times[-1]) == pytest.approx((4.6, 103.4), abs=1e-3)


@given(st.lists(st.tuples(st.floats(0.05, 4), st.floats(0.05, 28)), max_size=40))
def test_no_window_is_too_long_and_no_speech_is_lost(gaps: list[tuple[float, float]]) -> None:
    position, spans = 0.0, []
    for gap, length in gaps:
        spans.append((position + gap, position + gap + length))
        position += gap + length
    windows = list(pack(_regions(*spans), position + 1))
    assert all(window.seconds <= WINDOW_SECONDS + 1e-6 for window in windows)
    assert tuple(r for window in windows for r in window.speech) == _regions(*spans)
    pieces = [piece for window in windows for piece in window.pieces]
    assert all(one.end <= two.start + 1e-9 for one, two in itertools.pairwise(pieces))
    assert all(_holds(window) for window in windows)


def _holds(window: Window) -> bool:
    return all(
        any(p.start <= r.start and r.end <= p.end for p in window.pieces) for r in window.speech
    )


def test_long_speech_is_cut_in_its_pause_and_nothing_is_heard_twice() -> None:
    audio = np.full(50 * 16_000, 0.3, dtype=np.float32)
    audio[25 * 16_000 : int(25.3 * 16_000)] = 0.0
    first, second = cover(audio, Region(start=0, end=50))
    assert 25.0 <= first.end <= 25.3
    assert (first.start, second.start, second.end) == (0.0, first.end, 50.0)


def test_where_nobody_pauses_windows_overlap() -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, 70 * 16_000).astype(np.float32)
    parts = list(cover(noise, Region(start=2, end=70)))
    assert (parts[0].start, parts[-1].end) == (2.0, 70.0)
    for one, two in itertools.pairwise(parts):
        assert one.end - two.start == pytest.approx(3.0)
    windows = list(pack(parts, 70))
    assert [window.overlaps for window in windows] == [False, *[True] * (len(parts) - 1)]
    assert max(window.seconds for window in windows) <= WINDOW_SECONDS


def test_digital_silence_is_a_fine_place_to_cut() -> None:
    parts = list(cover(silence(60), Region(start=0, end=60)))
    assert all(one.end == two.start for one, two in itertools.pairwise(parts))


def _probabilities(*runs: tuple[float, float]) -> list[float]:
    """Runs of a probability, each so many seconds long."""
    return [value for value, seconds in runs for _ in range(round(seconds * 16_000 / FRAME))]


def test_speech_ends_at_a_pause_and_not_at_a_stop_consonant() -> None:
    found = speech_regions(
        _probabilities((0.1, 1), (0.9, 2), (0.1, 0.1), (0.9, 1), (0.1, 0.5), (0.9, 1)), 16_000 * 6
    )
    assert [round(region.start, 1) for region in found] == [1.0, 4.6]
    assert [round(region.end, 1) for region in found] == [4.1, 5.6]


def test_speech_without_a_proper_pause_is_cut_at_a_shorter_one() -> None:
    found = speech_regions(
        _probabilities((0.9, 20), (0.1, 0.13), (0.9, 20), (0.1, 0.13), (0.9, 5)), 16_000 * 46
    )
    assert [round(region.end - region.start) for region in found] == [20, 20, 5]


@given(st.lists(st.floats(0, 1), max_size=200))
def test_regions_are_in_order_disjoint_and_inside(probabilities: list[float]) -> None:
    found = speech_regions(probabilities, len(probabilities) * FRAME - 100)
    times = [time for region in found for time in (region.start, region.end)]
    assert times == sorted(times)
    assert not times or times[-1] <= (len(probabilities) * FRAME - 100) / 16_000


def test_pads_do_not_reach_out_of_the_audio() -> None:
    (window,) = pack(_regions((0.1, 9.9)), 10.0)
    assert _spans(window.pieces) == [(0.0, 10.0)]
    assert PAD_SECONDS == 0.4
