"""Audio of hours, made from a recording by repetition; written window by window, as FLAC.

Pauses differ, so that windows, chunks and batches do not fall the same way each time.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from gpu_job.engines.ports import SAMPLE_RATE, Audio

#: Seconds of silence between two repetitions of dense audio.
_PAUSES = (0.3, 5.0)
#: Of sparse audio: somebody speaks for less than a minute in ten.
_SPARSE_PAUSE = 600.0
_BLOCK_SECONDS = 10


def write_long(target: Path, clip: Audio, *, seconds: float, sparse: bool = False) -> Path:
    """Fill `seconds` with the clip and pauses; returns `target`. The same call, the same bytes.

    Args:
        target: a path that ends in ``.flac``.
        clip: (n,) mono float32 at 16 kHz.
        seconds: of the file; the last clip may be cut.
        sparse: ten minutes of faint noise between two clips, instead of seconds.
    """
    with av.open(str(target), "w") as container:
        stream = container.add_stream("flac", rate=SAMPLE_RATE, layout="mono")
        position = 0
        for block in _blocks(clip, int(seconds * SAMPLE_RATE), sparse=sparse):
            frame = av.AudioFrame.from_ndarray(block[None], format="s16", layout="mono")
            frame.sample_rate = SAMPLE_RATE
            frame.pts = position
            position += len(block)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return target


def _blocks(clip: Audio, total: int, *, sparse: bool) -> Iterator[np.ndarray]:
    """Blocks of int16 samples, `total` in all."""
    chance = np.random.default_rng(0)
    speech = np.clip(np.round(clip * 32768), -32768, 32767).astype(np.int16)
    left = total
    while left:
        for piece in _pieces(speech, chance, sparse=sparse):
            yield piece[:left]
            left -= len(piece[:left])
            if not left:
                return


def _pieces(
    speech: np.ndarray, chance: np.random.Generator, *, sparse: bool
) -> Iterator[np.ndarray]:
    """The clip once and the pause after it, in blocks."""
    block = _BLOCK_SECONDS * SAMPLE_RATE
    for start in range(0, len(speech), block):
        yield speech[start : start + block]
    pause = int((_SPARSE_PAUSE if sparse else chance.uniform(*_PAUSES)) * SAMPLE_RATE)
    for start in range(0, pause, block):
        size = min(block, pause - start)
        yield chance.integers(-3, 4, size=size, dtype=np.int16)  # a microphone is never silent
