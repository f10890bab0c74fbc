"""Reading jobs, within one tenant."""

from __future__ import annotations

from shared.domain.errors import InvalidRequest, NotFound
from shared.domain.job import Job
from shared.ports.job_store import JobPage, JobQuery
from shared.ports.platform import Platform

#: The most jobs on one page of a list.
MOST_PER_PAGE = 200


def read_job(platform: Platform, *, tenant: str, job_id: str) -> Job:
    """Return a tenant's job.

    Raises:
        NotFound: no such job, or another tenant's.
    """
    try:
        job = platform.jobs.get(job_id)
    except NotFound:
        raise _absent(job_id) from None
    if job.tenant != tenant:
        raise _absent(job_id)
    return job


def list_jobs(platform: Platform, query: JobQuery) -> JobPage:
    """A page of a tenant's jobs, newest first.

    Raises:
        InvalidRequest: the limit is not 1 to 200, or the cursor is not one of ours.
    """
    if not 1 <= query.limit <= MOST_PER_PAGE:
        raise InvalidRequest(f"limit must be 1 to {MOST_PER_PAGE}", field="limit")
    return platform.jobs.query(query)


def _absent(job_id: str) -> NotFound:
    return NotFound(f"no job {job_id[:64]!r}", code="job_not_found")
