"""Who of neighbouring windows is one person, by when they speak: not every voice needs the network.

Windows overlap, and whoever speaks at the same moments in two of them is one person. So one window
in three is listened to, and in those between a voice is the average of what was heard of it there;
only who is not recognised so is listened to as well.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gpu_job.engines.embedding import MAX_SECONDS, Vector, VoicePrint
from gpu_job.engines.segmentation import (
    FRAMES,
    STEP_FRAMES,
    Activity,
    is_active,
    is_alone,
    seconds_of,
)

#: Each third window is listened to. Those two overlap by a quarter, so nothing that is said is
#: left out; with four, voices that say little were confused.
STRIDE = 3
#: Twice the time that both are active, against the sum of the times that each is (Dice's
#: coefficient). From 0.6 to 0.85 only fast turns change, by 3 points.
_LIKENESS = 0.75
#: Speech at the same moments that is shorter than this may be chance.
_LEAST_SECONDS = 0.4
#: Where less of what a voice says alone is heard alone beside it too, it is listened to itself.
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
    found: dict[int, list[_Match]] = defaultdict(list)
    for other in _beside(window):
        if other in heard:
            for match in _matches(window, other, activity, heard[other]):
                found[match.speaker].append(match)
    known = {}
    for speaker, matches in found.items():
        covered = np.any([match.shared for match in matches], axis=0)
        wanted = min(seconds_of(alone[:, speaker]), MAX_SECONDS)
        if seconds_of(covered) >= _COVERED * wanted:
            known[speaker] = _average(matches)
    return known


@dataclass(frozen=True, kw_only=True, slots=True)
class _Match:
    """A local speaker is `voice` of a window beside; `shared`: the frames alone in both, (589,)."""

    speaker: int
    voice: VoicePrint
    shared: _Frames


def _beside(window: int) -> tuple[int, int]:
    before = window - window % STRIDE
    return before, before + STRIDE


def _matches(
    window: int, other: int, activity: Sequence[Activity], heard: Sequence[VoicePrint]
) -> list[_Match]:
    """Return who of a window is whom of another, one to one.

    Where that tells two apart whom the other takes for one, its print is neither's.
    """
    here, there = _overlap(window, other, activity)
    alone, alone_there = is_alone(here), is_alone(there)
    found = []
    for speaker in range(here.shape[1]):
        best = _most_alike(here[:, speaker], there, heard)
        if best is None:
            continue
        shared = np.zeros(FRAMES, dtype=np.bool_)
        place = slice(FRAMES - len(here), None) if other > window else slice(len(here))
        shared[place] = alone[:, speaker] & alone_there[:, best.speaker]
        found.append(_Match(speaker=speaker, voice=best, shared=shared))
    claims = Counter(match.voice.speaker for match in found)
    return [match for match in found if claims[match.voice.speaker] == 1 and match.shared.any()]


def _most_alike(active: _Frames, there: _Frames, heard: Sequence[VoicePrint]) -> VoicePrint | None:
    """Return whose activity is most like that of a local speaker, if anybody's is like enough."""
    best, likeness = None, _LIKENESS
    for item in heard:
        other = there[:, item.speaker]
        both = active & other
        alike = 2 * int(both.sum()) / max(1, int(active.sum() + other.sum()))
        if alike >= likeness and seconds_of(both) >= _LEAST_SECONDS:
            best, likeness = item, alike
    return best


def _overlap(window: int, other: int, activity: Sequence[Activity]) -> tuple[_Frames, _Frames]:
    """Return who is active in both windows' common frames, as each sees it."""
    ahead = (other - window) * STEP_FRAMES
    here, there = is_active(activity[window]), is_active(activity[other])
    if ahead >= 0:
        return here[ahead:], there[: FRAMES - ahead]
    return here[:ahead], there[-ahead:]


def _average(matches: Sequence[_Match]) -> Vector:
    mean = np.sum([match.voice.vector * seconds_of(match.shared) for match in matches], axis=0)
    unit: Vector = (mean / max(float(np.linalg.norm(mean)), 1e-9)).astype(np.float32)
    return unit
