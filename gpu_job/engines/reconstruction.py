"""From what overlapping windows find likely to one row of speaker turns.

As in pyannote.audio: the number of people who speak in a frame is the windows' average, rounded,
and of the known speakers those are taken that are likeliest there. What is averaged here are
probabilities and not decisions: what several windows find likely though none is sure of it counts,
which is where short answers and overlapping speech are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gpu_job.engines.embedding import runs
from gpu_job.engines.segmentation import FRAMES, LEVELS, STEP_FRAMES, Activity, frame_seconds
from shared.domain.transcript import Turn

#: A pause this short does not end a turn; a turn this short is noise.
MERGE_SECONDS = 0.2
MIN_TURN_SECONDS = 0.1
#: So much of one more person (on average of the windows) is one more person. Rounding would say
#: 0.5; the network misses more speech than it invents (0.35 to 0.5 differ by about a point of DER).
ONE_MORE = 0.4
#: Whom no window finds likelier than this does not speak, however many people there seem to be.
_LEAST_LIKELY = 0.05
#: Windows that are put together at once, some eight minutes: memory does not grow with the audio.
_BLOCK = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Assignment:
    """Local speaker `speaker` of window `window` is speaker `label` of the audio."""

    window: int
    speaker: int
    label: int


_Known = Mapping[int, Sequence[Assignment]]


def reconstruct(
    activity: Sequence[Activity], assignments: Sequence[Assignment], speakers: int, duration: float
) -> tuple[Turn, ...]:
    """Return the turns in order of their starts, labelled in order of appearance.

    Args:
        activity: (589, 3) of each window.
        assignments: local speakers that are known; others are left out.
        speakers: how many there are.
        duration: of the audio in seconds; turns end there.
    """
    known: dict[int, list[Assignment]] = defaultdict(list)
    for item in assignments:
        known[item.window].append(item)
    blocks = list(_blocks(activity, known, speakers))
    active = np.concatenate(blocks) if blocks else np.zeros((0, speakers), dtype=np.bool_)
    spans = [
        (start, end, speaker)
        for speaker in range(speakers)
        for start, end in _spans(active[:, speaker], duration)
    ]
    return _name(sorted(spans))


def _blocks(
    activity: Sequence[Activity], known: _Known, speakers: int
) -> Iterator[NDArray[np.bool_]]:
    """Yield who is active in block after block of frames, (frames, speakers)."""
    reach = FRAMES // STEP_FRAMES  # so many windows before a block reach into it
    for first in range(0, len(activity), _BLOCK):
        end = min(first + _BLOCK, len(activity))
        windows = range(max(0, first - reach), end)
        likely, count = _average(activity, known, windows, speakers)
        skip = (first - windows.start) * STEP_FRAMES
        stop = len(likely) if end == len(activity) else (end - windows.start) * STEP_FRAMES
        yield _likeliest(likely[skip:stop], count[skip:stop])


def _average(
    activity: Sequence[Activity], known: _Known, windows: range, speakers: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return how likely each speaker is (frames, speakers), and how many people speak (frames,).

    The first is a sum over windows: compared within a frame, it needs no division.
    """
    frames = (len(windows) - 1) * STEP_FRAMES + FRAMES
    likely = np.zeros((frames, speakers), dtype=np.float32)
    people = np.zeros(frames, dtype=np.float32)
    heard = np.zeros(frames, dtype=np.float32)
    for number, window in enumerate(windows):
        place = slice(number * STEP_FRAMES, number * STEP_FRAMES + FRAMES)
        probabilities = activity[window].astype(np.float32) / np.float32(LEVELS)
        people[place] += probabilities.sum(axis=1)
        heard[place] += 1
        for label, column in _columns(probabilities, known.get(window, ())).items():
            likely[place, label] += column
    return likely, np.floor(people / heard + 1 - ONE_MORE).astype(np.int64)


def _columns(
    probabilities: NDArray[np.float32], known: Sequence[Assignment]
) -> dict[int, NDArray[np.float32]]:
    """Of local speakers that are one person, the likeliest counts."""
    columns: dict[int, NDArray[np.float32]] = {}
    for item in known:
        column = probabilities[:, item.speaker]
        before = columns.get(item.label)
        columns[item.label] = column if before is None else np.maximum(before, column)
    return columns


def _likeliest(likely: NDArray[np.float32], count: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Pick as many speakers as the count says, the likeliest, and none whom no window knows."""
    order = np.argsort(-likely, axis=1, kind="stable")
    active = np.zeros(likely.shape, dtype=np.bool_)
    rows = np.arange(len(likely))
    for rank in range(min(likely.shape[1], int(count.max(initial=0)))):
        column = order[:, rank]
        active[rows, column] = (count > rank) & (likely[rows, column] > _LEAST_LIKELY)
    return active


def _spans(mask: NDArray[np.bool_], duration: float) -> list[tuple[float, float]]:
    spans: list[tuple[float, float]] = []
    for first, last in runs(mask):
        start = frame_seconds(first) if first else 0.0
        end = min(frame_seconds(last), duration)
        if spans and start - spans[-1][1] <= MERGE_SECONDS:
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
    return [(start, end) for start, end in spans if end - start >= MIN_TURN_SECONDS]


def _name(spans: Sequence[tuple[float, float, int]]) -> tuple[Turn, ...]:
    names: dict[int, str] = {}
    turns = []
    for start, end, speaker in spans:
        name = names.setdefault(speaker, f"SPEAKER_{len(names):02d}")
        turns.append(Turn(start=round(start, 3), end=round(end, 3), speaker=name))
    return tuple(turns)
