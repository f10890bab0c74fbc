"""Recordings that a package on the index brings, for tests that need other voices than our own.

`pytest-audioeval` (MIT) holds 27 spoken clips in nine languages and their texts. Its archive is
taken as weights are: found on the index that pip is configured with, checked by hash, read and
never installed. It stays in the user's cache folder.
"""

from __future__ import annotations

import os
import tempfile
import zipfile
from functools import cache
from pathlib import Path

import numpy as np
from platformdirs import user_cache_dir

from gpu_job.engines.ports import SAMPLE_RATE, Audio, never
from gpu_job.models.cache import hash_file
from gpu_job.models.download import Downloader, DownloadFailed
from gpu_job.models.package_index import http_client, index_finder
from gpu_job.models.pip_config import read_package_index
from gpu_job.steps.decode import decode
from tests.support.weights import absent

REQUIREMENT = "pytest-audioeval==0.1.3"
SHA256 = "8b97369347232d43180dd9860189c547ccc8dedb42b7c21d511ddc5a05ef7ecc"
_CLIPS = "pytest_audioeval/samples/audio"


@cache
def clip(name: str) -> Audio:
    """The samples of a clip such as ``en/quick_brown_fox``; skips the test if it can't be had."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "clip.wav"
        file.write_bytes(_member(f"{_CLIPS}/{name}.wav"))
        decoded = decode(
            file, max_seconds=60.0, on_progress=lambda _: None, should_stop=never,
            folder=Path(folder),
        )  # fmt: skip
        return decoded.samples[0 : len(decoded.samples)]


def clip_text(name: str) -> str:
    """What is said in it."""
    return _member(f"{_CLIPS}/{name}.txt").decode("utf-8").strip()


def joined(*names: str, pause: float = 0.6) -> Audio:
    """Clips one after another, so many seconds of silence after each."""
    silence = np.zeros(round(pause * SAMPLE_RATE), dtype=np.float32)
    return np.concatenate([part for name in names for part in (clip(name), silence)])


def _member(name: str) -> bytes:
    with zipfile.ZipFile(_archive()) as archive:
        return archive.read(name)


@cache
def _archive() -> Path:
    target = Path(user_cache_dir("tamlil")) / "test-audio" / f"audioeval-{SHA256[:16]}.whl"
    if not (target.exists() and hash_file(target) == SHA256):
        try:
            _download(target)
        except DownloadFailed as exc:
            absent(f"{REQUIREMENT} can't be had: {exc}")
        found = hash_file(target)
        assert found == SHA256, f"{REQUIREMENT} has other bytes than it had: {found}"
    return target


def _download(target: Path) -> None:
    index = read_package_index(os.environ)
    url = index_finder(index)(REQUIREMENT, False).partition("#")[0]
    # Two test processes may do this at once: each moves a whole file into place.
    own = target.with_suffix(f".{os.getpid()}")
    with http_client(index) as client:
        Downloader(client=client).fetch(url, own, headers={}, on_bytes=lambda *_: None)
    own.replace(target)
