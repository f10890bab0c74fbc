"""Who of neighbouring windows is one person, by when they speak: not every voice needs the network.

Windows overlap, and whoever speaks at the same moments in two of them is one person. So one window
in three is listened to, and in those between a voice is the average of what was heard of it there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from gpu_job.engines.embedding import MAX_SECONDS, Vector, VoicePrint
from gpu_job.engines.ports import SAMPLE_RATE
from gpu_job.engines.segmentation import (
    FRAME_STEP,
    FRAMES,
    STEP_FRAMES,
    Activity,
    is_active,
    is_alone,
)

#: Each third window is listened to. Those two overlap by a quarter, so nothing that is said is
#: left out; with four, voices that say little were confused.
STRIDE = 3
#: Twice the time that both are active, against the sum of the times that each is (Dice's
#: coefficient). From 0.6 to 0.85 it makes no difference.
_LIKENESS = 0.75
#: Speech at the same moments that is shorter than this may be chance.
_LEAST_SECONDS = 0.4
#: Where less of what a voice says alone was listened to than this share, it is listened to itself.
_COVERED = 0.7

_Frames = NDArray[np.bool_]


def listening_order(total: int) -> Iterator[int]:
    """Yield all windows, those between two that are listened to after both."""
    for listened in range(0, total + STRIDE, STRIDE):
        if listened < total:
            yield listened
        yield from range(max(0, listened - STRIDE + 1), min(listened, total))


def known_voices(
    window: int, activity: Sequence[Activity], heard: Mapping[int, Sequence[VoicePrint]]
) -> dict[int, Vector]:
    """Return the unit-length vector of each local speaker of a window who was heard beside it.

    Args:
        window: its number; of a window that is to be listened to nobody is known.
        activity: (589, 3) of the windows so far, in order.
        heard: the prints of the windows listened to.
    """
    if window % STRIDE == 0:
        return {}
    alone = is_alone(is_active(activity[window]))
    beside = [other for other in _beside(window) if other in heard]
    known = {}
    for speaker in range(alone.shape[1]):
        found = [
            match
            for other in beside
            if (match := _match(window, speaker, other, activity, heard[other])) is not None
        ]
        wanted = min(_seconds(alone[:, speaker]), MAX_SECONDS)
        if found and sum(seconds for _, seconds in found) >= _COVERED * wanted:
            known[speaker] = _average(found)
    return known


def _beside(window: int) -> tuple[int, int]:
    before = window - window % STRIDE
    return before, before + STRIDE


def _match(
    window: int,
    speaker: int,
    other: int,
    activity: Sequence[Activity],
    heard: Sequence[VoicePrint],
) -> tuple[Vector, float] | None:
    """Return who of another window's voices that speaker is, and the seconds alone in both."""
    here, there = _overlap(window, other, activity)
    here_alone, there_alone = is_alone(here)[:, speaker], is_alone(there)
    best, likeness = None, _LIKENESS
    for item in heard:
        both = int((here[:, speaker] & there[:, item.speaker]).sum())
        alike = 2 * both / max(1, int(here[:, speaker].sum() + there[:, item.speaker].sum()))
        if alike >= likeness and both * FRAME_STEP >= _LEAST_SECONDS * SAMPLE_RATE:
            best, likeness = item, alike
    if best is None:
        return None
    shared = _seconds(here_alone & there_alone[:, best.speaker])
    return (best.vector, shared) if shared else None


def _overlap(window: int, other: int, activity: Sequence[Activity]) -> tuple[_Frames, _Frames]:
    """Return who is active in both windows' common frames, as each sees it."""
    ahead = (other - window) * STEP_FRAMES
    here, there = is_active(activity[window]), is_active(activity[other])
    if ahead >= 0:
        return here[ahead:], there[: FRAMES - ahead]
    return here[:ahead], there[-ahead:]


def _average(found: Sequence[tuple[Vector, float]]) -> Vector:
    mean = np.sum([vector * seconds for vector, seconds in found], axis=0)
    unit: Vector = (mean / max(float(np.linalg.norm(mean)), 1e-9)).astype(np.float32)
    return unit


def _seconds(mask: _Frames) -> float:
    return float(mask.sum()) * FRAME_STEP / SAMPLE_RATE
