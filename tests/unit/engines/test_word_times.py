from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_job.engines.chunks import Window
from gpu_job.engines.ports import Region
from gpu_job.engines.word_times import fit_to_speech
from shared.domain.transcript import Segment, Word


def segment(*words: tuple[str, float, float]) -> Segment:
    built = tuple(
        Word(word=f" {text}", start=start, end=end, probability=0.9) for text, start, end in words
    )
    return Segment(id=0, start=built[0].start, end=built[-1].end, text="", words=built)


def fitted(one: Segment, *pauses: tuple[float, float]) -> list[tuple[float, float]]:
    regions = [Region(start=start, end=end) for start, end in pauses]
    (only,) = fit_to_speech([one], regions)
    assert (only.start, only.end) == (only.words[0].start, only.words[-1].end)
    return [(word.start, word.end) for word in only.words]


def test_a_word_that_swallowed_the_pause_before_it_begins_after_the_pause() -> None:
    swallowed = segment(("one", 0.0, 0.4), ("two", 0.4, 1.6))
    assert fitted(swallowed, (0.5, 1.2)) == [(0.0, 0.5), (1.2, 1.6)]


def test_a_word_that_runs_into_a_pause_ends_where_it_begins() -> None:
    long = segment(("one", 0.0, 1.1), ("two", 1.2, 1.6))
    assert fitted(long, (0.5, 1.2)) == [(0.0, 0.5), (1.2, 1.6)]


def test_a_cut_last_sound_is_given_back() -> None:
    assert fitted(segment(("one", 0.0, 0.4)), (0.7, 1.1)) == [(0.0, 0.7)]


def test_a_word_inside_the_pause_moves_behind_it_with_some_time() -> None:
    inside = segment(("one", 0.0, 0.4), ("two", 0.45, 0.9), ("three", 1.6, 2.0))
    (one, two, three) = fitted(inside, (0.4, 1.5))
    assert one == (0.0, 0.4)
    assert two == pytest.approx((1.5, 1.56))
    assert three == (1.6, 2.0)


def test_a_pause_far_from_any_border_moves_nothing() -> None:
    apart = segment(("one", 0.0, 0.4), ("two", 5.0, 5.4))
    assert fitted(apart, (8.0, 9.0)) == [(0.0, 0.4), (5.0, 5.4)]


def test_segments_without_words_stay() -> None:
    bare = Segment(id=0, start=1.0, end=3.0, text="x")
    assert fit_to_speech([bare], [Region(start=0.5, end=1.5)]) == [bare]


def test_a_windows_pauses_lie_between_its_speech_and_in_what_was_kept_around_it() -> None:
    window = Window(
        pieces=(Region(start=0.6, end=4.4), Region(start=5.6, end=7.0)),
        speech=(Region(start=1.0, end=2.0), Region(start=2.5, end=4.0), Region(start=6.0, end=7.0)),
    )
    assert [(pause.start, pause.end) for pause in window.pauses] == [
        (0.6, 1.0), (2.0, 2.5), (4.0, 6.0),
    ]  # fmt: skip


_STEPS = st.lists(st.floats(min_value=0, max_value=1.5), min_size=2, max_size=40)


@given(_STEPS, _STEPS)
def test_words_keep_their_number_and_their_order(
    word_steps: list[float], steps: list[float]
) -> None:
    borders = list(itertools.accumulate(word_steps))
    words = [(str(n), start, end) for n, (start, end) in enumerate(itertools.pairwise(borders))]
    edges = list(itertools.accumulate(step + 0.01 for step in steps))
    pauses = list(zip(edges[::2], edges[1::2], strict=False))
    times = [time for pair in fitted(segment(*words), *pauses) for time in pair]
    assert len(times) == 2 * len(words)
    assert times == sorted(times)
