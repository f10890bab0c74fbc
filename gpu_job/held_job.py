"""The job that a worker holds, and every write about it that an ending needs."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from gpu_job.progress import Progress
from gpu_job.steps.store import persist
from gpu_job.stop import StopFlag
from shared.domain.errors import Conflict, NotFound, Unavailable
from shared.domain.job import Job, JobError, Status
from shared.domain.saved_work import KeptWork, SavedWork
from shared.domain.transcript import Transcript
from shared.ports.platform import Platform
from shared.services.saved_parts import erase_parts, store_heard, store_voices
from shared.services.work_on_job import (
    complete_job,
    erase_if_purged,
    fail_attempt,
    release_job,
    report_progress,
)

_log = logging.getLogger(__name__)


class Outcome(StrEnum):
    """What became of an attempt."""

    COMPLETED = "completed"
    FAILED = "failed"
    RETRYING = "retrying"
    RELEASED = "released"
    TAKEN_AWAY = "taken_away"


@dataclass(kw_only=True, slots=True)
class HeldJob:
    """Shared by the working thread, the heartbeat's and the signals'.

    `folder` is where the attempt keeps its files, for an ending that can't unwind the stack.
    Writes name the attempt, so whichever thread comes second is refused and does no harm.
    `saving` says that the attempt saves parts, `kept` what it has stored for good beside the
    transcript.
    """

    platform: Platform
    job: Job
    held_since: float
    stop: StopFlag = field(default_factory=StopFlag)
    progress: Progress = field(init=False)
    folder: Path | None = None
    saving: bool = False
    kept: KeptWork | None = None

    def __post_init__(self) -> None:
        self.progress = Progress(diarize=self.job.options.diarize)

    def renew(self) -> Job:
        """Hold the lease for another while, and tell how far the work is.

        Raises: as `save`.
        """
        return self.save(None)

    def save(self, saved: SavedWork | None) -> Job:
        """Renew, and list what is saved of the work (None: nothing new).

        Raises:
            StaleAttempt, NotFound: the job is no longer ours.
            Unavailable: nobody knows.
        """
        return report_progress(
            self.platform,
            self.job.id,
            attempt=self.job.attempt,
            stage=self.progress.stage,
            progress=self.progress.value,
            audio_seconds=self.progress.audio_seconds,
            saved=saved,
        )

    def keep(self, heard: Transcript, voices: bytes) -> None:
        """Store what a diarized job's voices can be grouped anew from.

        Not worth failing for: with a store that stays silent there is no grouping anew.
        """
        try:
            self.kept = persist(
                lambda: KeptWork(
                    heard=store_heard(self.platform, self.job, heard),
                    voices=store_voices(self.platform, self.job, voices),
                ),
                patience_seconds=self._patience(),
                give_up=self.stop.requested,
            )
        except Unavailable as exc:
            _log.warning("the voices could not be kept", extra={"error": exc.detail})

    def complete(self, transcript: Transcript) -> Outcome:
        """Store the transcript; a store that is silent for a while is asked again."""
        try:
            persist(
                lambda: complete_job(self.platform, self.job, transcript, kept=self.kept),
                patience_seconds=self._patience(),
                give_up=self.stop.requested,
            )
        except (Conflict, NotFound):
            return Outcome.TAKEN_AWAY
        self._erase_parts()
        return Outcome.COMPLETED

    def _erase_parts(self) -> None:
        """Best effort: what stays is erased with the job."""
        if self.job.attempt == 1 and self.job.saved is None and not self.saving:
            return
        try:
            erase_parts(self.platform, self.job)
        except Unavailable as exc:
            _log.warning("saved parts could not be erased", extra={"error": exc.detail})

    def fail(self, error: JobError, *, patient: bool = True) -> Outcome:
        """Record why the attempt failed; with a silent store the lease runs out instead."""
        try:
            after = persist(
                lambda: fail_attempt(self.platform, self.job, error),
                patience_seconds=self._patience() if patient else 0.0,
            )
        except (Conflict, NotFound):
            return self.taken_away()
        except Unavailable as exc:
            _log.warning("the failure could not be recorded", extra={"error": exc.detail})
            return Outcome.RETRYING
        return Outcome.FAILED if after.status is Status.FAILED else Outcome.RETRYING

    def release(self) -> Outcome:
        """Give the job back unharmed; with a silent store the lease runs out instead."""
        try:
            release_job(self.platform, self.job)
        except (Conflict, NotFound):
            return self.taken_away()
        except Unavailable as exc:
            _log.warning("the job could not be given back", extra={"error": exc.detail})
        return Outcome.RELEASED

    def taken_away(self) -> Outcome:
        """The job is not ours any more; of a purged one nothing that we stored since stays."""
        try:
            erase_if_purged(self.platform, self.job)
        except Unavailable as exc:
            _log.warning("what was stored could not be erased", extra={"error": exc.detail})
        return Outcome.TAKEN_AWAY

    def seconds(self) -> float:
        """How long we have held it."""
        return time.monotonic() - self.held_since

    def _patience(self) -> float:
        return self.platform.timing.lease_seconds
