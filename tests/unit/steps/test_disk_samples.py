"""Samples on disk: read in windows, in bounded memory, and gone with their reader."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import pytest

from gpu_job.steps.decode import decode
from gpu_job.steps.disk_samples import DiskSamples, SampleFile
from shared.domain.errors import SourceError, WorkerError
from tests.support.media import tone, write_audio

MIB = 1 << 20


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def stored(values: np.ndarray[tuple[int], np.dtype[np.int16]], folder: Path) -> DiskSamples:
    file = SampleFile(folder)
    file.write(values.astype("<i2").tobytes())
    return file.samples()


def ramp(count: int = 1000) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    return np.arange(-count // 2, count - count // 2, dtype=np.int16)


@pytest.mark.parametrize(
    "window",
    [slice(0, 10), slice(None), slice(990, 2000), slice(-5, None), slice(7, 3), slice(2000, 3000)],
)
def test_a_window_is_what_an_array_would_give(tmp_path: Path, window: slice) -> None:
    samples = stored(ramp(), tmp_path)
    expected = ramp().astype(np.float32) / 32_768
    assert len(samples) == 1000
    assert samples[window].dtype == np.float32
    np.testing.assert_array_equal(samples[window], expected[window])


def test_a_step_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="step"):
        stored(ramp(), tmp_path)[::2]


def test_threads_read_beside_each_other(tmp_path: Path) -> None:
    samples = stored(ramp(60_000), tmp_path)
    whole = samples[:]
    with ThreadPoolExecutor(8) as pool:
        windows = list(pool.map(lambda i: samples[i * 100 : i * 100 + 500], range(500)))
    for number, window in enumerate(windows):
        np.testing.assert_array_equal(window, whole[number * 100 : number * 100 + 500])


def test_the_file_has_no_name_and_goes_with_its_reader(tmp_path: Path) -> None:
    samples = stored(ramp(), tmp_path)
    assert list(tmp_path.iterdir()) == []
    descriptor = samples._descriptor
    os.fstat(descriptor)
    del samples
    with pytest.raises(OSError, match="descriptor"):
        os.fstat(descriptor)


def test_the_same_samples_have_the_same_digest_and_others_another(tmp_path: Path) -> None:
    digests = []
    for seconds, codec, name in (
        (2, "pcm_s16le", "a.wav"),
        (2, "flac", "a.flac"),
        (3, "flac", "b.flac"),
    ):
        path = write_audio(tmp_path / name, tone(seconds), codec=codec)
        audio = decode(
            path, max_seconds=60, on_progress=lambda _: None, should_stop=lambda: False,
            folder=tmp_path,
        )  # fmt: skip
        digests.append(audio.digest)
    assert digests[0] == digests[1] != digests[2]


def test_a_file_that_can_not_fit_is_refused_before_it_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[float] = []
    path = write_audio(tmp_path / "a.wav", tone(60))
    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(100 * MIB, 35 * MIB, 65 * MIB))
    with pytest.raises(WorkerError) as caught:
        decode(path, max_seconds=90, on_progress=heard.append, should_stop=lambda: False)
    assert (caught.value.code, caught.value.retryable, heard) == ("disk_full", True, [])
    assert "65 MiB" in caught.value.detail


def test_what_is_too_long_anyway_needs_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_audio(tmp_path / "a.wav", tone(60))
    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(100 * MIB, 35 * MIB, 65 * MIB))
    with pytest.raises(SourceError) as caught:
        decode(path, max_seconds=10, on_progress=lambda _: None, should_stop=lambda: False)
    assert caught.value.code == "audio_too_long"


def test_a_disk_that_fills_up_meanwhile_is_named(tmp_path: Path) -> None:
    file = SampleFile(tmp_path)
    file.close()
    with Path("/dev/full").open("wb", buffering=0) as full:
        cast("Any", file)._file = full
        with pytest.raises(WorkerError) as caught:
            file.write(bytes(10))
    assert caught.value.code == "disk_full"


def silent_hours(path: Path, hours: int) -> Path:
    """A WAV of zeros that takes no room on most disks."""
    size = 2 * 16_000 * 3600 * hours
    sound = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 16_000, 32_000, 2, 16)
    header = struct.pack("<4sI4s", b"RIFF", size + 36, b"WAVE") + sound
    path.write_bytes(header + struct.pack("<4sI", b"data", size))
    os.truncate(path, size + 44)
    return path


_DECODE_AND_READ = """
import sys
from pathlib import Path
from gpu_job.steps.decode import decode
audio = decode(Path(sys.argv[1]), max_seconds=72000, on_progress=lambda _: None,
               should_stop=lambda: False)
for start in range(0, len(audio.samples), 960_000):
    assert not audio.samples[start : start + 960_000].any()
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM:")))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read there")
def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    peaks = []
    for hours in (1, 3):
        path = silent_hours(tmp_path / f"{hours}.wav", hours)
        ended = subprocess.run(
            [sys.executable, "-c", _DECODE_AND_READ, str(path)],
            cwd=Path(__file__).parents[3], capture_output=True, text=True, timeout=120, check=True,
        )  # fmt: skip
        peaks.append(int(ended.stdout) / 1024)
    assert peaks[1] - peaks[0] < 20, "two more hours of samples are 220 MiB, of floats 440"
