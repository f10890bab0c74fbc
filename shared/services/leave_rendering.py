"""A rendered transcript that is larger than an answer may be: left in the bucket, to be fetched."""

from __future__ import annotations

import hashlib

from shared.domain.job import Job
from shared.ports.platform import Platform
from shared.services.keys_of_blobs import rendering_key


def leave_rendering(
    platform: Platform, job: Job, content: bytes, *, extension: str, content_type: str
) -> str:
    """Store it beside the transcript, erased with the job; returns a signed URL to it.

    The same rendering is stored once, whoever asks for it.

    Raises:
        Unavailable: the store did not answer.
    """
    digest = hashlib.sha256(content).hexdigest()[:32]
    key = rendering_key(job, digest, extension)
    platform.blobs.put(key, [content], content_type=content_type, once=True)
    return platform.blobs.sign_download(
        key, expires_in=platform.limits.download_seconds, filename=f"{job.id}.{extension}"
    )
