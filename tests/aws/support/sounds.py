"""Recordings of real voices, made from the sample that comes with Tamlil."""

from __future__ import annotations

import io
import wave
from functools import cached_property
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from tests.aws.support.programs import ROOT

RATE = 16_000
_SAMPLE = ROOT / "samples" / "two_voices.flac"
#: Seconds of the first sentence.
_SHORT = 7.0


class Sounds:
    """The sample and parts of it, as files."""

    @cached_property
    def dialog(self) -> bytes:
        """The whole sample: 42 seconds, two voices, three turns each."""
        return Path(_SAMPLE).read_bytes()

    @cached_property
    def short(self) -> bytes:
        """One sentence."""
        return _wav(self._samples[: int(_SHORT * RATE)])

    def long(self, times: int) -> bytes:
        """The sample over and over."""
        return _wav(np.tile(self._samples, times))

    def padded(self, size: int) -> bytes:
        """The sample, and silence until the file is of at least so many bytes."""
        silence = np.zeros(max(0, size // 2 - len(self._samples)), dtype=np.int16)
        return _wav(np.concatenate([self._samples, silence]))

    @cached_property
    def _samples(self) -> NDArray[np.int16]:
        with av.open(str(_SAMPLE)) as container:
            frames: list[Any] = [frame.to_ndarray() for frame in container.decode(audio=0)]
        samples: NDArray[np.int16] = np.concatenate(frames, axis=1)[0].astype(np.int16)
        return samples


def _wav(samples: NDArray[np.int16]) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
    return buffer.getvalue()
