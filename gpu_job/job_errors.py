"""From what was raised to what the job's record says. Traces go to the log, never into a record."""

from __future__ import annotations

import errno

from shared.domain.errors import Stopped, TamlilError
from shared.domain.job import JobError


def job_error(error: BaseException) -> JobError:
    """Classify: our own errors know whether another attempt may help, others get the chance."""
    if isinstance(error, TamlilError) and not isinstance(error, Stopped):
        return JobError(code=error.code, detail=error.detail, retryable=error.retryable)
    if isinstance(error, MemoryError):
        return JobError(code="out_of_memory", detail="the worker ran out of memory", retryable=True)
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return JobError(
            code="disk_full",
            detail="the worker's temporary folder has no room left",
            retryable=True,
        )
    return JobError(
        code="internal_error",
        detail="the worker met an unexpected fault; its log has the details",
        retryable=True,
    )


def time_limit_error(seconds: float) -> JobError:
    """Another attempt would run into the same limit, so there is none."""
    return JobError(
        code="time_limit",
        detail=f"the job took longer than the limit of {seconds:g} seconds",
        retryable=False,
    )
