"""How many speakers are found, and how far the caller's numbers are honoured."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from gpu_job.engines.clustering import Centroids, find_speakers, nearest
from gpu_job.engines.embedded_diarizer import EmbeddedDiarizer
from gpu_job.engines.embedding import Embedder, VoicePrint
from gpu_job.engines.segmentation import FRAMES, LEVELS, Segmenter
from gpu_job.engines.voices import Voices, pack
from shared.domain.options import DiarizationArgs
from tests.support.voices import Answer, voice_prints

ANY = DiarizationArgs()


def _speakers(prints: list[VoicePrint], args: DiarizationArgs = ANY) -> Centroids:
    return next(find_speakers(prints, args))


@pytest.mark.parametrize("counts", [(6,), (1,), (5, 7), (9, 4, 6)])
def test_as_many_speakers_are_found_as_there_are_voices(counts: tuple[int, ...]) -> None:
    prints = voice_prints(*counts)
    speakers = _speakers(prints)
    assert speakers.shape == (len(counts), 192)
    labels = [nearest(item.vector, speakers) for item in prints]
    assert sum(one != two for one, two in pairwise(labels)) == len(counts) - 1


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (DiarizationArgs(num_speakers=2), 2),
        (DiarizationArgs(num_speakers=5), 5),
        (DiarizationArgs(min_speakers=4), 4),
        (DiarizationArgs(max_speakers=1), 1),
        (DiarizationArgs(min_speakers=2, max_speakers=5), 3),
    ],
)
def test_the_callers_number_of_speakers_is_honoured(args: DiarizationArgs, expected: int) -> None:
    assert len(_speakers(voice_prints(9, 8, 7), args)) == expected


def test_a_stray_print_makes_no_speaker_of_its_own() -> None:
    assert len(_speakers(voice_prints(30, 30, 1))) == 2


def test_in_short_audio_one_print_is_a_speaker() -> None:
    assert len(_speakers(voice_prints(4, 1))) == 2


def test_short_speech_does_not_shape_the_speakers() -> None:
    prints = [*voice_prints(8, 8), *(voice_prints(3, noise=1.0, seconds=0.5))]
    assert len(_speakers(prints)) == 2
    only_short = voice_prints(3, 3, seconds=0.5)
    assert len(_speakers(only_short)) == 2


def test_nobody_is_found_where_nobody_speaks() -> None:
    assert list(find_speakers([], DiarizationArgs(num_speakers=3))) == []


def test_a_forced_number_does_not_go_to_stray_prints() -> None:
    prints = voice_prints(30, 12, noise=0.03)
    stray = voice_prints(1, 1, 1, 1, noise=0.5)[3]
    speakers = _speakers([*prints, stray], DiarizationArgs(num_speakers=2))
    labels = [nearest(item.vector, speakers) for item in prints]
    assert len(set(labels[:30])) == len(set(labels[30:])) == 1
    assert labels[0] != labels[30]


def _monologue(windows: int) -> bytes:
    """One voice that drifts a little, all the time, alone."""
    rng = np.random.default_rng(11)
    vector = rng.normal(size=192)
    prints = []
    for window in range(windows):
        vector = vector + rng.normal(0, 0.02, 192)
        unit = (vector / np.linalg.norm(vector)).astype(np.float32)
        prints.append(VoicePrint(window=window, speaker=0, seconds=10.0, vector=unit))
    activity = np.zeros((FRAMES, 3), dtype=np.uint8)
    activity[:, 0] = LEVELS
    duration = 10.0 + 2.5 * (windows - 1)
    return pack(Voices(duration=duration, activity=[activity] * windows, prints=prints))


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (ANY, 1),
        (DiarizationArgs(num_speakers=3), 3),
        (DiarizationArgs(min_speakers=3), 3),
        (DiarizationArgs(min_speakers=2, max_speakers=4), 2),
        (DiarizationArgs(max_speakers=4), 1),
    ],
)
def test_as_many_speakers_have_turns_as_the_caller_asks_for(
    args: DiarizationArgs, expected: int
) -> None:
    diarizer = EmbeddedDiarizer(
        segmenter=Segmenter(Answer(answer=np.zeros((1, FRAMES, 7), dtype=np.float32))),
        embedder=Embedder(Answer(answer=np.ones((1, 192), dtype=np.float32))),
    )
    turns = diarizer.regroup(_monologue(12), args)
    assert len({turn.speaker for turn in turns}) == expected
    assert diarizer.regroup(_monologue(12), args) == turns
