"""A worker process with resumable engines that kills itself: ``KILL_AT LOG_FILE``.

Each second that is decoded becomes a line of the log. Before the batch that begins at second
KILL_AT the process dies by SIGKILL, unless KILL_AT is -1.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from gpu_job.attempt import Pipeline, end_process
from gpu_job.pipeline import TranscriptionPipeline
from gpu_job.program import run_program
from gpu_job.steps.take_source import make_source_taker
from shared.ports.platform import Platform
from shared.settings import Settings, WorkerSettings
from tests.support.resumable import BATCH, ResumableEngines

#: A batch of a real engine takes seconds.
BATCH_SECONDS = 0.5


def main() -> None:
    kill_at, log = int(sys.argv[1]), Path(sys.argv[2])
    fake = ResumableEngines()

    def before(first: int) -> None:
        with log.open("a") as file:
            file.writelines(f"{second}\n" for second in range(first, first + BATCH))
        time.sleep(BATCH_SECONDS)
        if first == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    fake.before_batch = before

    def make(settings: Settings, platform: Platform) -> Pipeline:
        return TranscriptionPipeline(
            take_source=make_source_taker(settings, platform.blobs),
            engines=fake.engines(),
            models=settings.model_policy,
            max_seconds=100.0,
            side_by_side=True,
        )

    end_process(run_program(Settings(), WorkerSettings(), make))


if __name__ == "__main__":
    main()
