"""A rendered transcript that is larger than an answer may be: left in the bucket, to be fetched."""

from __future__ import annotations

import hashlib

from shared.domain.errors import NotFound
from shared.domain.job import Job
from shared.ports.platform import Platform
from shared.services.keys_of_blobs import rendering_key
from shared.services.read_job import read_job


def leave_rendering(
    platform: Platform, job: Job, content: bytes, *, extension: str, content_type: str
) -> str:
    """Store it beside the transcript, erased with the job; returns a signed URL to it.

    The same rendering is stored once, whoever asks for it.

    Raises:
        NotFound: the job was purged meanwhile; nothing of it is left here.
        Unavailable: the store did not answer.
    """
    digest = hashlib.sha256(content).hexdigest()[:32]
    key = rendering_key(job, digest, extension)
    platform.blobs.put(key, [content], content_type=content_type, once=True)
    try:
        read_job(platform, tenant=job.tenant, job_id=job.id)
    except NotFound:
        platform.blobs.delete(key)
        raise
    return platform.blobs.sign_download(
        key, expires_in=platform.limits.download_seconds, filename=f"{job.id}.{extension}"
    )
