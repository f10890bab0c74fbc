"""Voice prints and networks for tests of the embedded diarizer."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gpu_job.engines.embedding import VoicePrint
from gpu_job.engines.onnx_session import OnnxSession


def voice_prints(*counts: int, noise: float = 0.02, seconds: float = 5.0) -> list[VoicePrint]:
    """Voice prints around one random direction per person, so many for each."""
    rng = np.random.default_rng(5)
    people = rng.normal(size=(len(counts), 192))
    found: list[VoicePrint] = []
    for person, count in enumerate(counts):
        for _ in range(count):
            vector = people[person] / np.linalg.norm(people[person]) + rng.normal(0, noise, 192)
            unit = (vector / np.linalg.norm(vector)).astype(np.float32)
            found.append(VoicePrint(window=len(found), speaker=0, seconds=seconds, vector=unit))
    return found


@dataclass
class Answer(OnnxSession):
    """Answers by a function instead of a network."""

    answer: NDArray[np.float32]
    shapes: list[tuple[int, ...]] = field(default_factory=list)

    def run(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        self.shapes.append(values.shape)
        return np.repeat(self.answer, len(values), axis=0)
