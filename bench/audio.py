"""The recording that both sides transcribe."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np

from bench.child import ROOT
from gpu_job.engines.ports import SAMPLE_RATE
from gpu_job.steps.decode import DecodedAudio, decode

SAMPLE = ROOT / "samples" / "two_voices.flac"


def decoded(path: Path) -> DecodedAudio:
    """The whole file."""
    return decode(path, max_seconds=36_000, on_progress=lambda _: None, should_stop=lambda: False)


def long_sample(target: Path, *, seconds: float) -> Path:
    """The committed sample as often as it takes, as 16-bit WAV; returns `target`."""
    samples = decoded(SAMPLE).samples[:]
    times = int(np.ceil(seconds * SAMPLE_RATE / len(samples)))
    whole = np.tile(np.clip(np.round(samples * 32768), -32768, 32767).astype("<i2"), times)
    with wave.open(str(target), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(whole.tobytes())
    return target
