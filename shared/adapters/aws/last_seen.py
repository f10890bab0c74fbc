"""In which status this process last saw a record: a hint that spares a read, never a truth."""

from __future__ import annotations

import threading
from collections import OrderedDict

from shared.domain.job import Job, Status

_MOST = 2000


class LastSeen:
    """Status by id and version. A version's status never changes, so a hint can't be wrong."""

    def __init__(self) -> None:
        self._statuses: OrderedDict[str, tuple[int, Status]] = OrderedDict()
        self._lock = threading.Lock()

    def remember(self, job: Job) -> Job:
        """Note it; returns the job."""
        with self._lock:
            self._statuses[job.id] = (job.version, job.status)
            self._statuses.move_to_end(job.id)
            if len(self._statuses) > _MOST:
                self._statuses.popitem(last=False)
        return job

    def status(self, job_id: str, version: int) -> Status | None:
        """The status at this version, None when this process doesn't know."""
        with self._lock:
            seen = self._statuses.get(job_id)
        return seen[1] if seen and seen[0] == version else None
