"""What a diarized job has kept of its voices, for a job that goes on from it.

Voices are voice prints, personal data: they lie under the job's own prefix and are erased with it.
"""

from __future__ import annotations

import json

from shared.domain.codec import from_document
from shared.domain.errors import InvalidRequest, NotFound, SourceError, Unavailable
from shared.domain.job import Job
from shared.domain.saved_work import KeptWork
from shared.domain.transcript import Transcript
from shared.ports.platform import Platform


def read_voices(platform: Platform, job: Job) -> tuple[bytes, Transcript]:
    """Return the voices and the transcript before speakers of the job that `job` goes on from.

    Raises:
        SourceError: code ``source_job_erased``: that job is gone, or what it kept.
        Unavailable: the store does not answer, or gives something else.
    """
    try:
        kept = _kept(platform, job)
        voices = platform.blobs.read(kept.voices)
        return voices, from_document(Transcript, json.loads(platform.blobs.read(kept.heard)))
    except NotFound as exc:
        msg = f"job {job.source.job_id}, whose voices were to be grouped anew, was erased meanwhile"
        raise SourceError(msg, code="source_job_erased") from exc
    except (InvalidRequest, ValueError) as exc:
        msg = f"what job {job.source.job_id} kept can't be read from the store"
        raise Unavailable(msg) from exc


def _kept(platform: Platform, job: Job) -> KeptWork:
    source = platform.jobs.get(job.source.job_id or "")
    if source.tenant != job.tenant or source.result is None or source.result.kept is None:
        msg = f"job {source.id} has no voices"
        raise NotFound(msg)
    return source.result.kept
