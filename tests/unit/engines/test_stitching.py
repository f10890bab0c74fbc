from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_job.engines.embedding import VoicePrint
from gpu_job.engines.segmentation import FRAMES, LEVELS, STEP_FRAMES, Activity
from gpu_job.engines.stitching import STRIDE, known_voices, listening_order
from tests.support.voices import voice_prints

ONE, OTHER = voice_prints(1, 1)


def _windows(*spans: tuple[int, int, int], count: int = 4) -> list[Activity]:
    """Windows of a whole in which `spans` (first frame, last frame, local speaker) are active."""
    whole = np.zeros(((count - 1) * STEP_FRAMES + FRAMES, 3), dtype=np.uint8)
    for first, last, speaker in spans:
        whole[first:last, speaker] = LEVELS
    return [whole[n * STEP_FRAMES : n * STEP_FRAMES + FRAMES].copy() for n in range(count)]


def _heard(*items: tuple[int, int, VoicePrint]) -> dict[int, list[VoicePrint]]:
    heard: dict[int, list[VoicePrint]] = {}
    for window, speaker, item in items:
        heard.setdefault(window, []).append(replace(item, window=window, speaker=speaker))
    return heard


@given(st.integers(0, 200))
def test_every_window_has_its_turn_and_those_between_come_after_both(total: int) -> None:
    order = list(listening_order(total))
    assert sorted(order) == list(range(total))
    for window in range(total):
        after = window - window % STRIDE + STRIDE
        if window % STRIDE and after < total:
            assert order.index(window) > order.index(after)


def test_a_voice_is_the_one_who_speaks_at_the_same_moments_whatever_its_number() -> None:
    activity = _windows((150, 400, 0), (420, 640, 1))
    activity[1] = activity[1][:, [2, 1, 0]]  # each window numbers its speakers for itself
    known = known_voices(1, activity, _heard((0, 0, ONE), (0, 1, OTHER)))
    assert sorted(known) == [1, 2]
    np.testing.assert_allclose(known[2], ONE.vector, atol=1e-6)
    np.testing.assert_allclose(known[1], OTHER.vector, atol=1e-6)


def test_heard_on_both_sides_a_voice_is_the_average_by_time() -> None:
    activity = _windows((148, 589 + 148, 0))  # window 1 whole: 441 frames of window 0, 293 of 3
    known = known_voices(1, activity, _heard((0, 0, ONE), (3, 0, OTHER)))
    mean = ONE.vector * 441 + OTHER.vector * 293
    np.testing.assert_allclose(known[0], mean / np.linalg.norm(mean), atol=1e-6)


@pytest.mark.parametrize(
    ("here", "there", "why"),
    [
        ((200, 300), (148, 589), "one says far more than the other"),
        ((300, 320), (300, 320), "a third of a second is chance"),
    ],
)
def test_who_may_be_someone_else_is_listened_to(
    here: tuple[int, int], there: tuple[int, int], why: str
) -> None:
    activity = _windows((*here, 0))
    activity[0] = _windows((*there, 0))[0]
    assert known_voices(1, activity, _heard((0, 0, ONE))) == {}, why


def test_two_whom_the_window_beside_takes_for_one_are_both_listened_to() -> None:
    activity = _windows((148, 148 + 350, 0), (148 + 95, 148 + 441, 1), count=2)
    activity[0] = _windows((148, 589, 0), count=1)[0]
    assert known_voices(1, activity, _heard((0, 0, ONE))) == {}
    activity[1][:, 1] = 0  # without the other one the same match is good
    assert list(known_voices(1, activity, _heard((0, 0, ONE)))) == [0]


def test_what_both_sides_heard_counts_once() -> None:
    activity = _windows((444, 589, 0))  # in window 1 frames 296 to 441, which 0 and 3 both see
    activity[1][148:296, 0] = LEVELS  # and as much that is said alone in window 1 only
    activity[0][296:444, 0] = activity[0][296:444, 1] = LEVELS
    assert known_voices(1, activity, _heard((0, 0, ONE), (3, 0, ONE))) == {}


def test_who_says_much_that_was_not_listened_to_is_listened_to() -> None:
    mostly_new = _windows((500, 730, 0), count=2)  # the last window: nothing comes after it
    assert known_voices(1, mostly_new, _heard((0, 0, ONE))) == {}
    mostly_heard = _windows((200, 600, 0), count=2)
    assert list(known_voices(1, mostly_heard, _heard((0, 0, ONE)))) == [0]


def test_a_voice_that_is_never_alone_is_listened_to() -> None:
    activity = _windows((150, 500, 0), (150, 500, 1))
    assert known_voices(1, activity, _heard((0, 0, ONE), (0, 1, OTHER))) == {}


def test_of_a_window_to_be_listened_to_nobody_is_known() -> None:
    activity = _windows((0, 1000, 0))
    assert known_voices(3, activity, _heard((0, 0, ONE), (3, 0, ONE))) == {}
