"""How far a job has come, 0..1, from work that was measured and nothing else.

Each step has a share of the whole; inside a step the share grows with what is done of a known total
(bytes fetched, seconds of audio decoded, transcribed, diarized). A step whose total is unknown
counts nothing until it has ended. The value never goes back.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from enum import StrEnum

from shared.domain.job import Stage


class Step(StrEnum):
    """What a job consists of, in order."""

    FETCH = "fetch"
    DECODE = "decode"
    TRANSCRIBE = "transcribe"
    DIARIZE = "diarize"
    SAVE = "save"


_STAGES = {
    Step.FETCH: Stage.FETCHING,
    Step.DECODE: Stage.FETCHING,
    Step.TRANSCRIBE: Stage.TRANSCRIBING,
    Step.DIARIZE: Stage.DIARIZING,
    Step.SAVE: Stage.SAVING,
}

#: Shares of the whole, in parts. They set the pace of the bar, not its truth. The two heavy steps
#: weigh the same because neither is always the longer one: that depends on model and device.
_PARTS: Mapping[Step, float] = {
    Step.FETCH: 1.0,
    Step.DECODE: 1.0,
    Step.TRANSCRIBE: 10.0,
    Step.DIARIZE: 10.0,
    Step.SAVE: 0.5,
}


def shares(*, diarize: bool) -> dict[Step, float]:
    """The share of each step that this job takes; they sum to 1."""
    parts = {step: part for step, part in _PARTS.items() if diarize or step is not Step.DIARIZE}
    whole = sum(parts.values())
    return {step: part / whole for step, part in parts.items()}


def fraction(done: float, total: float | None) -> float:
    """`done` of `total` in 0..1; an unknown or empty total counts as nothing done."""
    if total is None or total <= 0.0:
        return 0.0
    return min(1.0, max(0.0, done / total))


class Progress:
    """Written by the working thread and the engine's, read by the heartbeat's."""

    def __init__(self, *, diarize: bool) -> None:
        self._shares = shares(diarize=diarize)
        self._done = dict.fromkeys(self._shares, 0.0)
        self._lock = threading.Lock()
        self.stage = Stage.STARTING
        self.audio_seconds: float | None = None

    @property
    def value(self) -> float:
        """The measured part of the whole, 0..1."""
        with self._lock:
            return min(1.0, sum(self._shares[step] * done for step, done in self._done.items()))

    def enter(self, step: Step) -> None:
        """The step begins."""
        self.stage = _STAGES[step]

    def advance(self, step: Step, done: float, total: float | None) -> None:
        """So much of the step is done, both in the step's own unit."""
        self._raise(step, fraction(done, total))

    def finish(self, step: Step) -> None:
        """The step has ended: all of it is done, whatever its total was."""
        self._raise(step, 1.0)

    def reporter(self, step: Step) -> Callable[[float, float | None], None]:
        """`advance` for one step, as downloads and engines call it."""

        def report(done: float, total: float | None) -> None:
            self.advance(step, done, total)

        return report

    def _raise(self, step: Step, done: float) -> None:
        with self._lock:
            self._done[step] = max(self._done[step], done)
