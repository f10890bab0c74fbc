"""Who is active in ten-second windows: pyannote segmentation 3.0.

Plaquet and Bredin, "Powerset multi-class cross entropy loss for neural speaker diarization",
Interspeech 2023 (https://arxiv.org/abs/2310.13025). The network tells up to three speakers of a
window apart and knows nothing of other windows.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gpu_job.engines.onnx_session import OnnxSession
from gpu_job.engines.ports import SAMPLE_RATE, Samples

WINDOW = 10 * SAMPLE_RATE
LOCAL_SPEAKERS = 3
#: The network's frames: one every 270 samples, each seeing 991.
FRAME_STEP = 270
_FRAME_FIELD = 991
FRAMES = 589
#: Windows start every 148 frames (about 2.5 s), a whole number, so that their frames coincide.
STEP_FRAMES = 148
STEP = STEP_FRAMES * FRAME_STEP

#: Powerset classes: nobody, one of three, two of three.
_POWERSET = np.array(
    [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1]], dtype=np.float32
)

#: (589, 3): the probability that each local speaker is active in each frame, in steps of 1/15.
Activity = NDArray[np.uint8]
#: Four bits a value: enough for an average over windows, and hours of it stay small.
LEVELS = 15


@dataclass(frozen=True, slots=True)
class Segmenter:
    """The loaded network."""

    session: OnnxSession

    def activity(self, audio: Samples, windows: range) -> Activity:
        """Return (windows, 589, 3): how likely each local speaker is active in each frame.

        The marginal probabilities of the powerset's classes, in fifteenths (`LEVELS`).
        """
        batch = np.zeros((len(windows), 1, WINDOW), dtype=np.float32)
        for row, window in enumerate(windows):
            part = audio[window * STEP : window * STEP + WINDOW]
            batch[row, 0, : len(part)] = part
        scores = self.session.run(batch)
        classes = np.exp(scores - scores.max(axis=2, keepdims=True))
        classes /= classes.sum(axis=2, keepdims=True)
        active: Activity = np.rint(classes @ _POWERSET * LEVELS).astype(np.uint8)
        return active


def is_active(activity: Activity) -> NDArray[np.bool_]:
    """Where a local speaker is more likely active than not."""
    active: NDArray[np.bool_] = activity > LEVELS / 2
    return active


def is_alone(active: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where a local speaker is active and nobody else is."""
    alone: NDArray[np.bool_] = active & (active.sum(axis=1, keepdims=True) == 1)
    return alone


def seconds_of(mask: NDArray[np.bool_]) -> float:
    """How long the frames last in which a mask is true."""
    return float(mask.sum()) * FRAME_STEP / SAMPLE_RATE


def load_segmenter(folder: Path, *, threads: int = 0) -> Segmenter:
    """Load ``segmentation-3.0.onnx`` of a model's folder.

    Raises:
        WorkerError: the file can't be loaded.
    """
    return Segmenter(OnnxSession(folder / "segmentation-3.0.onnx", threads=threads))


def window_count(samples: int) -> int:
    """How many windows cover so many samples; the last may reach past the end."""
    return 0 if samples == 0 else 1 + max(0, -(-(samples - WINDOW) // STEP))


def frame_seconds(frame: int) -> float:
    """Time of the middle of a frame of the whole audio."""
    return (frame * FRAME_STEP + _FRAME_FIELD / 2) / SAMPLE_RATE
