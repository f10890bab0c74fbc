"""Reading a completed job's transcript.

Apart from `shared.services.read_job`, so that who reads records only loads no transcripts' classes.
"""

from __future__ import annotations

import json

from shared.domain.codec import from_document
from shared.domain.errors import Conflict, InvalidRequest, NotFound, Unavailable
from shared.domain.job import Job, Status
from shared.domain.transcript import Transcript
from shared.ports.platform import Platform


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
