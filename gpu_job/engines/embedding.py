"""Voice prints: an ECAPA-TDNN embedding of what one local speaker says alone in a window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gpu_job.engines.fbank import log_mel
from gpu_job.engines.onnx_session import OnnxSession
from gpu_job.engines.ports import SAMPLE_RATE, Audio, Samples
from gpu_job.engines.segmentation import (
    FRAME_STEP,
    LOCAL_SPEAKERS,
    STEP,
    Activity,
    is_active,
    is_alone,
    seconds_of,
)

#: Less speech than this says nothing about a voice.
MIN_SECONDS = 0.4
#: More speech than this adds cost and hardly any certainty.
MAX_SECONDS = 5.0

Vector = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class VoicePrint:
    """The unit-length embedding of local speaker `speaker` of window `window`.

    `seconds` is how long that speaker is heard alone there.
    """

    window: int
    speaker: int
    seconds: float
    vector: Vector


@dataclass(frozen=True, slots=True)
class Embedder:
    """The loaded network."""

    session: OnnxSession

    def voice_prints(
        self, audio: Samples, window: int, activity: Activity, known: Mapping[int, Vector]
    ) -> list[VoicePrint]:
        """Embed each local speaker of a window.

        Args:
            audio: the whole audio.
            window: the window's number.
            activity: (589, 3) from the segmenter.
            known: the vectors of local speakers for whom the network isn't needed.

        Returns:
            One print for each local speaker that says enough, alone if possible.
        """
        start = window * STEP
        active = is_active(activity)
        alone = is_alone(active)
        prints = []
        for speaker in range(LOCAL_SPEAKERS):
            seconds = seconds_of(alone[:, speaker])
            mask = alone if seconds >= MIN_SECONDS else active
            speech = _gather(audio, start, mask[:, speaker])
            if len(speech) >= MIN_SECONDS * SAMPLE_RATE:
                vector = known[speaker] if speaker in known else self.embed(speech)
                prints.append(
                    VoicePrint(window=window, speaker=speaker, seconds=seconds, vector=vector)
                )
        return prints

    def embed(self, samples: Audio) -> Vector:
        """Return the (192,) embedding of a voice, scaled to unit length."""
        vector = self.session.run(log_mel(samples)[None])[0]
        unit: Vector = vector / max(float(np.linalg.norm(vector)), 1e-9)
        return unit


def load_embedder(folder: Path, *, threads: int = 0) -> Embedder:
    """Load ``ecapa.onnx`` of a model's folder.

    Raises:
        WorkerError: the file can't be loaded.
    """
    return Embedder(OnnxSession(folder / "ecapa.onnx", threads=threads))


def runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the stretches ``(first, one past the last)`` in which a mask is true."""
    padded = np.concatenate(([False], mask, [False])).astype(np.int8)
    edges = np.flatnonzero(np.diff(padded))
    return [(int(first), int(last)) for first, last in edges.reshape(-1, 2)]


def _gather(audio: Samples, start: int, mask: NDArray[np.bool_]) -> Audio:
    """Join the speaker's stretches, the longest first, up to the limit."""
    pieces = []
    room = int(MAX_SECONDS * SAMPLE_RATE)
    for first, last in sorted(runs(mask), key=lambda run: run[0] - run[1]):
        piece = audio[start + first * FRAME_STEP : start + last * FRAME_STEP][:room]
        pieces.append(piece)
        room -= len(piece)
        if room <= 0:
            break
    return np.concatenate(pieces) if pieces else audio[:0]
