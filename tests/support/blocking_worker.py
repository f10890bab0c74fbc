"""A worker process whose engine behaves as told: ``BEHAVIOUR MARKER_FILE``.

- polite: asks every 20 ms whether to stop
- sleeping: ignores the wish to stop, in Python
- native: sits in a native call that no signal interrupts, with the interpreter's lock released,
  as CTranslate2 and onnxruntime do
- quick: answers at once

The settings come from the environment, as in the real program.
"""

from __future__ import annotations

import ctypes
import sys
import time
from collections.abc import Callable
from pathlib import Path

from gpu_job.attempt import Pipeline, end_process
from gpu_job.held_job import HeldJob
from gpu_job.program import run_program
from shared.domain.transcript import Transcript
from shared.ports.platform import Platform
from shared.settings import Settings, WorkerSettings
from tests.support.workers import transcript, until_stopped


def _sleep(_held: HeldJob) -> None:
    time.sleep(60)


def _block(_held: HeldJob) -> None:
    """Lock a mutex twice: the second call waits for ever and costs no time of the processor."""
    libc = ctypes.CDLL(None)
    mutex = ctypes.create_string_buffer(256)  # zeros are PTHREAD_MUTEX_INITIALIZER
    libc.pthread_mutex_lock(mutex)
    libc.pthread_mutex_lock(mutex)


def _answer(_held: HeldJob) -> None:
    """Nothing keeps it."""


BEHAVIOURS: dict[str, Callable[[HeldJob], object]] = {
    "polite": until_stopped,
    "sleeping": _sleep,
    "native": _block,
    "quick": _answer,
}


def main(behaviour: str, marker: Path) -> None:
    """Run the program; the marker file tells that the engine is at work, and in which folder."""

    def work(held: HeldJob, folder: Path, /) -> Transcript:
        (folder / "audio").write_bytes(b"RIFF")
        marker.write_text(str(folder))
        BEHAVIOURS[behaviour](held)
        return transcript()

    def make_pipeline(_settings: Settings, _platform: Platform) -> Pipeline:
        return work

    end_process(run_program(Settings(), WorkerSettings(), make_pipeline))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
