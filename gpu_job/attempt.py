"""One attempt at one job: the lease is held, the pipeline runs, the record tells how it ended."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, Protocol

from gpu_job.exit_codes import ExitCode
from gpu_job.heartbeat import Beat, Heartbeat
from gpu_job.held_job import HeldJob, Outcome
from gpu_job.job_errors import job_error, time_limit_error
from gpu_job.scratch import erase, job_folder
from gpu_job.stop import StopReason
from shared.domain.transcript import Transcript

_log = logging.getLogger(__name__)

#: Takes the process down at once: exit code, and the folder to erase first.
EndNow = Callable[[ExitCode, Path | None], object]


class Pipeline(Protocol):
    """Makes the transcript of a held job."""

    def __call__(self, held: HeldJob, folder: Path, /) -> Transcript:
        """Work in `folder`, tell ``held.progress``, obey ``held.stop``.

        Raises:
            Stopped: the stop flag was set.
            TamlilError: the attempt failed, with code and detail for the job's record.
        """
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerLimits:
    """Seconds: how long to wait for a job, to work on one, between two renewals, two looks."""

    idle: float
    job: float
    heartbeat: float
    poll: float = 0.2


def end_process(code: ExitCode, folder: Path | None = None) -> NoReturn:
    """Leave without tearing down native libraries, whose threads may never end."""
    if folder is not None:
        erase(folder)
    logging.shutdown()
    os._exit(int(code))


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempts:
    """What every attempt of a worker has in common."""

    pipeline: Pipeline
    limits: WorkerLimits
    end_now: EndNow

    def serve(self, held: HeldJob) -> Outcome:
        """Work on the job until it is over for this worker; raises nothing of the job's."""
        beat = Beat(
            every=self.limits.heartbeat,
            lease=held.platform.timing.lease_seconds,
            held_since=held.held_since,
            deadline=held.held_since + self.limits.job,
        )
        with Heartbeat(
            renew=held.renew,
            stop=held.stop,
            beat=beat,
            on_stuck=lambda reason: self._end_stuck(held, reason),
        ):
            return self._work(held)

    def _work(self, held: HeldJob) -> Outcome:
        try:
            held.stop.check()
            with job_folder() as folder:
                held.folder = folder
                return held.complete(self.pipeline(held, folder))
        except Exception as exc:  # noqa: BLE001 - whatever it is, the record must tell of it
            if held.stop.reason is not None:
                return self._stopped(held, held.stop.reason)
            return self._failed(held, exc)

    def _failed(self, held: HeldJob, exc: Exception) -> Outcome:
        error = job_error(exc)
        _log.warning(
            "the attempt failed",
            extra={"code": error.code, "error": error.detail},
            exc_info=exc if error.retryable else None,  # a caller's fault needs no trace
        )
        return held.fail(error)

    def _stopped(self, held: HeldJob, reason: StopReason) -> Outcome:
        if reason is StopReason.TIME_LIMIT:
            return held.fail(time_limit_error(self.limits.job))
        if reason is StopReason.TERMINATED:
            held.release()
            return Outcome.RELEASED
        if reason is StopReason.TAKEN_AWAY:
            return held.taken_away()
        return Outcome.TAKEN_AWAY

    def _end_stuck(self, held: HeldJob, reason: StopReason) -> None:
        """Native work did not end: write what the record needs, then take the process down."""
        _log.error("the engine did not stop, ending the process", extra={"reason": str(reason)})
        code = ExitCode.JOB_TAKEN_AWAY
        if reason is StopReason.TIME_LIMIT:
            code = ExitCode.TIME_LIMIT
            held.fail(time_limit_error(self.limits.job), patient=False)
        self.end_now(code, held.folder)
