from __future__ import annotations

from collections.abc import Mapping

import pytest

from gpu_job.engines.chunks import pack
from gpu_job.engines.language import heard_language, spread
from gpu_job.engines.ports import Region, never
from tests.support.whisper import ScriptedWhisper, ramp

SURE_OF = {"he": {"he": 0.99, "en": 0.01}, "en": {"en": 0.99, "he": 0.01}}


PART, WHOLE = "ten seconds", "whole"
#: What ten seconds of them alone are taken for.
EXCERPTS = {"doubtful he": {"he": 0.94, "en": 0.06}, "he like en": {"en": 0.9, "he": 0.1}}
SURE_OF |= dict.fromkeys(EXCERPTS, SURE_OF["he"])


def detected(*spans: tuple[float, float, str]) -> tuple[str, float, list[str]]:
    """The language and its probability of windows of speech, and what was asked."""
    regions = tuple(Region(start=start, end=end) for start, end, _ in spans)

    def answer(window: Region) -> Mapping[str, float]:
        (code,) = {code for start, end, code in spans if window.start < end and start < window.end}
        short = window.end - window.start <= 10.001
        return EXCERPTS.get(code, SURE_OF[code]) if short else SURE_OF[code]

    backend = ScriptedWhisper(languages=answer)
    end = regions[-1].end + 1
    code, probability = heard_language(backend, ramp(end), tuple(pack(regions, end)), never)
    beginnings = [window.end - window.start == pytest.approx(10.0) for window in backend.detected]
    return code, probability, [PART if short else WHOLE for short in beginnings]


def test_the_beginnings_of_two_windows_are_believed_where_both_are_sure() -> None:
    code, probability, asked = detected(*((n * 40.0, n * 40.0 + 28, "he") for n in range(5)))
    assert (code, asked) == ("he", [PART] * 2)
    assert probability == pytest.approx(0.99)


@pytest.mark.parametrize("doubt", EXCERPTS)
def test_where_a_beginning_leaves_doubt_whole_windows_are_asked(doubt: str) -> None:
    code, probability, asked = detected(*((n * 40.0, n * 40.0 + 28, doubt) for n in range(5)))
    assert (code, asked) == ("he", [PART, WHOLE, WHOLE])
    assert probability == pytest.approx(0.99)


@pytest.mark.parametrize("spans", [[(0, 28, "he")], [(0, 28, "he"), (40, 49.8, "he")]])
def test_a_single_window_or_a_short_one_is_asked_whole(
    spans: list[tuple[float, float, str]],
) -> None:
    _, _, asked = detected(*spans)
    assert asked == [WHOLE] * len(spans)


def test_where_windows_disagree_the_probability_is_the_share_that_says_so() -> None:
    code, probability, asked = detected((0, 28, "he"), (40, 68, "en"), (80, 108, "he"))
    assert (code, asked) == ("he", [PART] * 2 + [WHOLE] * 3)
    assert probability == pytest.approx((2 * 0.99 + 0.01) / 3)


def test_a_few_words_count_for_less_than_a_window_full() -> None:
    code, probability, _ = detected((0, 28, "he"), (40, 42, "en"))
    assert code == "he"
    assert probability == pytest.approx((28 * 0.99 + 2 * 0.01) / 30)


def test_a_greeting_in_another_language_does_not_decide() -> None:
    spans = [(n * 40.0, n * 40.0 + 28, "he") for n in range(1, 9)]
    code, probability, asked = detected((0, 28, "en"), *spans)
    assert code == "he"
    assert probability > 0.8
    assert asked == [PART] * 2


def test_nor_does_it_where_it_is_one_of_the_two_that_are_asked_first() -> None:
    spans = [(n * 40.0, n * 40.0 + 28, "he") for n in range(9)]
    spans[spread(9)[0]] = (*spans[spread(9)[0]][:2], "en")
    code, probability, asked = detected(*spans)
    assert (code, asked) == ("he", [PART] * 2 + [WHOLE] * 5)
    assert probability == pytest.approx((4 * 0.99 + 0.01) / 5)


def test_at_most_five_windows_are_asked_and_neighbours_not_one_after_another() -> None:
    assert [spread(count) for count in (0, 1, 2)] == [[], [0], [1, 0]]
    found = spread(100)
    assert len(found) == 5
    assert abs(found[0] - found[1]) > 20
