"""From local speakers of overlapping windows to turns of the whole audio, by overlap and add.

After Bredin, "pyannote.audio 2.1 speaker diarization pipeline", Interspeech 2023: each frame is
seen by several windows; their average says how many people speak, and the votes say who.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gpu_job.engines.embedding import runs
from gpu_job.engines.segmentation import FRAMES, STEP_FRAMES, Activity, frame_seconds
from shared.domain.transcript import Turn

#: A pause this short does not end a turn; a turn this short is noise.
MERGE_SECONDS = 0.2
MIN_TURN_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class Assignment:
    """Local speaker `speaker` of window `window` is speaker `label` of the audio."""

    window: int
    speaker: int
    label: int


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
    votes, count = _add_up(activity, assignments, speakers)
    active = _most_voted(votes, count)
    spans = [
        (start, end, speaker)
        for speaker in range(speakers)
        for start, end in _spans(active[:, speaker], duration)
    ]
    return _name(sorted(spans))


def _add_up(
    activity: Sequence[Activity], assignments: Sequence[Assignment], speakers: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return votes (frames, speakers) and how many people speak in each frame."""
    frames = (len(activity) - 1) * STEP_FRAMES + FRAMES
    votes = np.zeros((frames, speakers), dtype=np.float32)
    people = np.zeros(frames, dtype=np.float32)
    windows = np.zeros(frames, dtype=np.float32)
    for window, active in enumerate(activity):
        place = slice(window * STEP_FRAMES, window * STEP_FRAMES + FRAMES)
        people[place] += active.sum(axis=1)
        windows[place] += 1
    heard: dict[tuple[int, int], NDArray[np.bool_]] = {}
    for item in assignments:
        key = (item.window, item.label)
        mask = activity[item.window][:, item.speaker]
        heard[key] = heard[key] | mask if key in heard else mask
    for (window, label), mask in heard.items():
        votes[window * STEP_FRAMES : window * STEP_FRAMES + FRAMES, label] += mask
    count = np.rint(people / windows).astype(np.int64)
    return votes, count


def _most_voted(votes: NDArray[np.float32], count: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Pick as many speakers as the count says, those with most votes, and none without any."""
    order = np.argsort(-votes, axis=1, kind="stable")
    active = np.zeros(votes.shape, dtype=np.bool_)
    rows = np.arange(len(votes))
    for rank in range(min(votes.shape[1], int(count.max(initial=0)))):
        column = order[:, rank]
        active[rows, column] = (count > rank) & (votes[rows, column] > 0)
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
