from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.audio import decoded
from bench.long_audio import write_long
from bench.long_run import Point, growth_rows
from gpu_job.engines.ports import SAMPLE_RATE

CLIP = (0.5 * np.sin(np.arange(2 * SAMPLE_RATE) / 10)).astype(np.float32)


def loud_seconds(path: Path) -> float:
    samples = decoded(path).samples[:]
    return float((np.abs(samples) > 0.01).sum()) / SAMPLE_RATE


def test_the_file_has_exactly_the_length_that_was_asked_for(tmp_path: Path) -> None:
    path = write_long(tmp_path / "a.flac", CLIP, seconds=61.5)
    assert decoded(path).duration == pytest.approx(61.5, abs=1e-3)


def test_the_clip_comes_again_and_again_with_pauses_that_differ(tmp_path: Path) -> None:
    path = write_long(tmp_path / "a.flac", CLIP, seconds=60)
    loud = np.abs(decoded(path).samples[:]) > 0.01
    blocks = loud.reshape(-1, SAMPLE_RATE // 10).any(axis=1)  # tenths of a second
    starts = np.flatnonzero(np.diff(blocks.astype(int)) == 1)
    assert len(starts) > 6
    assert len(set(np.diff(starts))) > 3


def test_sparse_audio_is_nearly_all_silence(tmp_path: Path) -> None:
    path = write_long(tmp_path / "a.flac", CLIP, seconds=700, sparse=True)
    assert 3.5 < loud_seconds(path) < 4.1  # twice the clip


def test_the_same_call_writes_the_same_audio(tmp_path: Path) -> None:
    first = write_long(tmp_path / "a.flac", CLIP, seconds=30).read_bytes()
    assert write_long(tmp_path / "b.flac", CLIP, seconds=30).read_bytes() == first


def point(audio: float, cpu: float, peak: float = 1000.0) -> Point:
    return Point(audio=audio, wall=cpu / 2, cpu=cpu, peak=peak, segments=1, words=1)


def test_time_in_step_with_the_audio_is_linear() -> None:
    cpu, wall, peak = growth_rows([point(600, 60), point(3600, 360, 1100)])
    assert (cpu.ours, cpu.met, wall.ours) == (1.0, True, 1.0)
    assert "at 6 times" in cpu.name
    assert (peak.ours, peak.met) == (1.1, True)


def test_more_than_linear_time_and_growing_memory_miss_their_targets() -> None:
    cpu, _, peak = growth_rows([point(600, 60), point(3600, 500, 1300)])
    assert (cpu.met, peak.met) == (False, False)


def test_one_length_says_nothing_of_growth() -> None:
    assert growth_rows([point(600, 60)]) == ()
