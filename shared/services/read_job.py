"""Reading jobs and results, within one tenant."""

from __future__ import annotations

import json

from shared.domain.codec import from_document
from shared.domain.errors import Conflict, InvalidRequest, NotFound, Unavailable
from shared.domain.job import Job, Status
from shared.domain.transcript import Transcript
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


def read_transcript(platform: Platform, job: Job) -> Transcript:
    """Return a completed job's canonical transcript.

    Raises:
        Conflict: code ``job_not_completed``.
        Unavailable: the stored document is not there or not readable.
    """
    try:
        document = json.loads(platform.blobs.read(require_result(job)))
        return from_document(Transcript, document)
    except (NotFound, InvalidRequest, ValueError) as exc:
        raise Unavailable(f"the transcript of job {job.id} can't be read from the store") from exc


def require_result(job: Job) -> str:
    """The blob key of the transcript.

    Raises:
        Conflict: code ``job_not_completed``.
    """
    if job.status is not Status.COMPLETED or job.result is None:
        raise Conflict(
            f"job {job.id} is {job.status}; only a completed job has a transcript",
            code="job_not_completed",
        )
    return job.result.key


def _absent(job_id: str) -> NotFound:
    return NotFound(f"no job {job_id[:64]!r}", code="job_not_found")
