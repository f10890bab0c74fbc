"""The default models for tests that need real weights."""

from __future__ import annotations

import os
import wave
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from gpu_job.engines.loader import EngineCache, EngineConfig
from gpu_job.models.cache import inspect
from gpu_job.models.pull import pull
from gpu_job.steps.decode import decode
from shared.domain.errors import ModelUnavailable
from shared.models.registry import find_model
from shared.settings import Settings

SAMPLE = Path(__file__).parents[2] / "samples" / "two_voices.flac"


def sample_twice(folder: Path) -> bytes:
    """The sample twice over, 83 seconds as WAV: several windows for a transcriber."""
    heard = decode(SAMPLE, max_seconds=60, on_progress=lambda _: None, should_stop=lambda: False)
    samples = np.tile(heard.samples[:], 2)
    path = folder / "twice.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes((samples * 32_767).astype("<i2").tobytes())
    return path.read_bytes()


def models_dir() -> Path:
    """`TAMLIL_MODELS_DIR`, else the user's cache."""
    return Settings().models_dir


def require(*names: str) -> None:
    """Skip a test whose weights are absent; in CI that is a failure, not a skip."""
    missing = [
        name for name in names if not inspect(find_model(name), models_dir() / name).installed
    ]
    if not missing:
        return
    absent(f"no weights of {', '.join(missing)} in {models_dir()}: run `make models`")


def pulled(name: str) -> None:
    """Bring weights that not everybody has here; skip a test where they can't be had."""
    try:
        pull(name, models_dir())
    except ModelUnavailable as exc:
        absent(exc.detail)


def absent(message: str) -> None:
    """Skip a test for want of a file; in CI that is a failure, not a skip."""
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(message)
    pytest.skip(message)


@cache
def engines() -> EngineCache:
    """One warm set of engines for a whole test process."""
    return EngineCache(config=EngineConfig(models_dir=models_dir(), offline=True, batch_size=4))
