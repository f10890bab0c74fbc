"""A worker process with resumable engines that comes to grief: ``LOG_FILE [HOW SECOND]``.

Each second that is decoded becomes a line of the log. HOW says what befalls the batch that begins
at SECOND, the first time that it is decoded:

- listed: SIGKILL, with all before it listed in the record
- unlisted: SIGKILL at the batch's very begin, when the one before is hardly stored
- held: nothing, until the file ``LOG_FILE.go`` is there, or somebody kills
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from gpu_job.attempt import Pipeline, end_process
from gpu_job.pipeline import TranscriptionPipeline
from gpu_job.program import run_program
from gpu_job.steps.take_source import make_source_taker
from shared.ports.platform import Platform
from shared.settings import Settings, WorkerSettings
from tests.support.resumable import BATCH, ResumableEngines
from tests.support.workers import wait_until

#: A batch of a real engine takes seconds.
BATCH_SECONDS = 0.2
_PATIENCE_SECONDS = 180.0


def main(log: Path, how: str = "", second: str = "-1") -> None:
    """Run the program."""

    def make(settings: Settings, platform: Platform) -> Pipeline:
        fates: dict[str, Callable[[], object]] = {
            "listed": lambda: _die(lambda: _listed(platform) >= int(second)),
            "unlisted": lambda: _die(lambda: True),
            "held": lambda: _wait(Path(f"{log}.go").exists),
        }

        def before(first: int) -> None:
            begun = log.read_text().splitlines() if log.exists() else []
            with log.open("a") as file:
                file.writelines(f"{number}\n" for number in range(first, first + BATCH))
            if first == int(second) and str(first) not in begun:
                fates[how]()
            time.sleep(BATCH_SECONDS)

        return TranscriptionPipeline(
            take_source=make_source_taker(settings, platform.blobs),
            engines=ResumableEngines(before_batch=before).engines(),
            models=settings.model_policy,
            max_seconds=100.0,
            side_by_side=True,
        )

    end_process(run_program(Settings(), WorkerSettings(), make))


def _listed(platform: Platform) -> float:
    """How far the record's parts reach (seconds)."""
    saved = platform.jobs.get(os.environ["TAMLIL_JOB_ID"]).saved
    return 0.0 if saved is None else saved.done


def _die(when: Callable[[], bool]) -> None:
    _wait(when)
    os.kill(os.getpid(), signal.SIGKILL)


def _wait(condition: Callable[[], bool]) -> None:
    wait_until(condition, seconds=_PATIENCE_SECONDS)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
