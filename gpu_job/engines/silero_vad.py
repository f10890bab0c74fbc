"""Voice activity by Silero VAD v6, as it comes inside faster-whisper."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from gpu_job.engines.interruptible import engine_errors, run_interruptibly
from gpu_job.engines.ports import Audio, Region, Samples, ShouldStop
from gpu_job.engines.speech import FRAME, speech_regions

#: Samples of the frame before that the network sees with each frame.
_CONTEXT = 64
#: Frames at once, about a minute: the network's inner arrays are a hundred times the audio.
_BLOCK_FRAMES = 2000


class SileroVad:
    """Reads the audio in windows and carries the network's state over their borders.

    So its memory does not grow with the audio, and its answer is that of one pass over the whole.
    """

    def speech_regions(self, audio: Samples, *, should_stop: ShouldStop) -> tuple[Region, ...]:
        """See `gpu_job.engines.ports.VoiceActivityDetector`."""
        network = _Network()
        probabilities = array("f")  # 20 hours are 2 million frames: 9 MB, and 72 as a list
        for block in _blocks(audio):
            found = run_interruptibly(partial(network.probabilities, block), should_stop)
            probabilities.frombytes(found.tobytes())
        return speech_regions(probabilities, len(audio))


def _blocks(audio: Samples) -> Iterator[Audio]:
    """Yield windows of whole frames; the last one is filled up with silence."""
    step = _BLOCK_FRAMES * FRAME
    for start in range(0, len(audio), step):
        block = audio[start : start + step]
        yield np.pad(block, (0, -len(block) % FRAME))


def _zeros(*shape: int) -> Audio:
    return np.zeros(shape, dtype=np.float32)


@dataclass(kw_only=True, slots=True)
class _Network:
    """The recurrent state between two windows."""

    hidden: Audio = field(default_factory=lambda: _zeros(1, 1, 128))
    cell: Audio = field(default_factory=lambda: _zeros(1, 1, 128))
    context: Audio = field(default_factory=lambda: _zeros(1, _CONTEXT))

    def probabilities(self, block: Audio) -> Audio:
        """Return the probability of speech for each frame of the next window, (frames,)."""
        frames = block.reshape(-1, FRAME)
        before = np.concatenate([self.context, frames[:-1, -_CONTEXT:]])
        inputs = {
            "input": np.concatenate([before, frames], axis=1),
            "h": self.hidden,
            "c": self.cell,
        }
        with engine_errors("Silero VAD"):
            found, self.hidden, self.cell = _session().run(None, inputs)
        self.context = frames[-1:, -_CONTEXT:]
        answer: Audio = np.asarray(found, dtype=np.float32).reshape(-1)
        return answer


def _session() -> Any:
    from faster_whisper.vad import get_vad_model

    return get_vad_model().session
