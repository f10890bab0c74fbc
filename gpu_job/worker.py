"""Claims one job after another, as long as there are any, with models that stay loaded."""

from __future__ import annotations

import logging
import threading
import time

from gpu_job.attempt import Attempts, EndNow, Pipeline, WorkerLimits, end_process
from gpu_job.exit_codes import ExitCode
from gpu_job.held_job import HeldJob, Outcome
from gpu_job.memory import give_back_freed_memory
from gpu_job.stop import StopReason
from shared.domain.errors import Unavailable
from shared.domain.job import Job
from shared.logs import LogContext
from shared.ports.platform import Platform
from shared.services.claim_job import claim_job, claim_next

_log = logging.getLogger(__name__)

#: Seconds of silence from the store until the worker gives up.
STORE_PATIENCE_SECONDS = 30.0
#: From a signal to the end of the process, at the latest (seconds).
TERMINATION_SECONDS = 1.5

_ONE_JOB_CODES = {
    Outcome.FAILED: ExitCode.JOB_FAILED,
    Outcome.RETRYING: ExitCode.JOB_RETRYING,
}


class Worker:
    """One process's work. `run` is called once; `terminate` from any thread."""

    def __init__(
        self,
        *,
        platform: Platform,
        pipeline: Pipeline,
        limits: WorkerLimits,
        name: str,
        execution: str | None = None,
        log_context: LogContext | None = None,
        end_now: EndNow = end_process,
    ) -> None:
        self._platform = platform
        self._idle_seconds = limits.idle
        self._poll_seconds = limits.poll
        self._end_now = end_now
        self._attempts = Attempts(pipeline=pipeline, limits=limits, end_now=end_now)
        self._name = name
        self._execution = execution
        self._context = log_context or LogContext()
        self._lock = threading.Lock()
        self._held: HeldJob | None = None
        self._ending = threading.Event()
        self._ended = threading.Event()
        self._ending_code = ExitCode.OK

    def run(self, first_job: str | None = None) -> ExitCode:
        """Serve `first_job` if it is to be had, then whatever waits, until idle or told to end."""
        try:
            outcomes = self._serve_all(first_job)
        except Unavailable as exc:
            _log.error("giving up on the job store", extra={"error": exc.detail})
            return ExitCode.PLATFORM_UNAVAILABLE
        finally:
            self._ended.set()
        if self._ending.is_set():
            return self._ending_code
        _log.info("no more jobs", extra={"served": len(outcomes)})
        return _ONE_JOB_CODES.get(outcomes[0], ExitCode.OK) if len(outcomes) == 1 else ExitCode.OK

    def terminate(self, code: ExitCode) -> None:
        """Give the job back and end with `code`, by force if work does not end in time."""
        self._ending_code = code
        self._ending.set()
        # Writing may block on the store, so somebody else watches the time.
        threading.Thread(target=self._end_by_force, name="force", daemon=True).start()
        with self._lock:
            held = self._held
        if held is not None:
            held.stop.request(StopReason.TERMINATED)
            _log.info("told to end, giving the job back", extra={"code": int(code)})
            held.release()

    def _serve_all(self, first_job: str | None) -> list[Outcome]:
        outcomes: list[Outcome] = []
        idle_since = time.monotonic()
        while not self._ending.is_set():
            held = self._claim(first_job)
            first_job = None
            if held is not None:
                outcomes.append(self._serve(held))
                give_back_freed_memory()
                idle_since = time.monotonic()
            elif time.monotonic() - idle_since >= self._idle_seconds:
                break
            else:
                self._ending.wait(self._poll_seconds)
        return outcomes

    def _claim(self, first_job: str | None) -> HeldJob | None:
        """Claim a job; a silent store is asked again for a while.

        Raises:
            Unavailable: it stayed silent, or said that asking again won't help.
        """
        silent_since = time.monotonic()
        while not self._ending.is_set():
            held_since = time.monotonic()
            try:
                job = self._try_claim(first_job)
            except Unavailable as exc:
                if not exc.retryable or held_since - silent_since > STORE_PATIENCE_SECONDS:
                    raise
                _log.warning("no answer from the job store", extra={"error": exc.detail})
                self._ending.wait(1.0)
                continue
            if job is None:
                return None
            return HeldJob(platform=self._platform, job=job, held_since=held_since)
        return None

    def _try_claim(self, first_job: str | None) -> Job | None:
        if first_job is not None:
            job = claim_job(self._platform, first_job, worker=self._name, execution=self._execution)
            if job is not None:
                return job
        return claim_next(self._platform, worker=self._name, execution=self._execution)

    def _serve(self, held: HeldJob) -> Outcome:
        self._context.job_id, self._context.attempt = held.job.id, held.job.attempt
        with self._lock:
            self._held = held
        if self._ending.is_set():
            held.stop.request(StopReason.TERMINATED)
        _log.info("claimed", extra={"worker": self._name, "tenant": held.job.tenant})
        try:
            outcome = self._attempts.serve(held)
        finally:
            with self._lock:
                self._held = None
        _log.info("done", extra={"outcome": str(outcome), "seconds": round(held.seconds(), 3)})
        self._context.job_id = self._context.attempt = None
        return outcome

    def _end_by_force(self) -> None:
        if not self._ended.wait(TERMINATION_SECONDS):
            _log.error("work did not end in time, ending the process")
            held = self._held
            self._end_now(self._ending_code, held.folder if held else None)
