"""Where job records live."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.domain.job import Job, JobKind, Status


@dataclass(frozen=True, kw_only=True, slots=True)
class JobQuery:
    """A tenant's jobs, newest first. Times are Unix seconds, `created_to` exclusive."""

    tenant: str
    status: Status | None = None
    kind: JobKind | None = None
    recording_id: str | None = None
    created_from: float | None = None
    created_to: float | None = None
    limit: int = 50
    cursor: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class JobPage:
    """One page; `cursor` is opaque, None on the last page."""

    jobs: tuple[Job, ...]
    cursor: str | None


class JobStore(Protocol):
    """Records with optimistic versions.

    `get`, `find_unique` and `counts` see every write that returned before them. Lists (`query`,
    `pending`, `due`, `held_by`) may for a moment lack what has just come to match, where indexes
    follow the records; what they give is the record as it is at the call, and matches.
    A record that is stored but can't be read is left out of them, which the log tells; whatever
    names it raises `Unavailable`, not retryable, with code ``record_unreadable``.
    Every method raises `Unavailable` when the store does not answer.
    """

    def create(self, job: Job) -> Job:
        """Write a new record at version 1 and take its `unique_keys`, all in one write.

        When one of the keys is held by an earlier job, nothing is written and that job is
        returned instead: of two racing callers one creates, both get the same job.

        Raises:
            Conflict: a job with this id exists.
        """
        ...

    def get(self, job_id: str) -> Job:
        """Return the record.

        Raises:
            NotFound: there is none.
        """
        ...

    def find_unique(self, key: str) -> Job | None:
        """The job that holds this unique key, or None."""
        ...

    def replace(self, job: Job) -> Job:
        """Write the whole record if its stored version is still `job.version`.

        Returns it with the version raised by one. Of two writers with the same version the
        first wins. A `unique_keys` change is not followed.

        Raises:
            VersionConflict: somebody wrote first, or the record is gone.
        """
        ...

    def delete(self, job: Job) -> None:
        """Erase the record and its unique keys if its stored version is still `job.version`.

        Raises:
            VersionConflict: somebody wrote first. A record that is gone is not an error.
        """
        ...

    def query(self, query: JobQuery) -> JobPage:
        """A tenant's jobs, newest first, of one time the larger id first.

        A cursor goes on exactly where a page ended.

        Raises:
            InvalidRequest: code ``invalid_cursor``, the cursor is not one of this store's.
        """
        ...

    def pending(self, *, now: float, limit: int) -> Sequence[Job]:
        """Jobs a worker may claim now: pending, and `not_before` passed.

        Higher priority first, then older first.
        """
        ...

    def due(self, *, now: float, limit: int) -> Sequence[Job]:
        """Records whose `wake_at` is not after `now`, earliest first."""
        ...

    def held_by(self, execution: str) -> Sequence[Job]:
        """Processing jobs that were claimed under this execution; mostly one, or none."""
        ...

    def counts(self) -> dict[Status, int]:
        """How many records are in each status; statuses without one are present as 0."""
        ...
