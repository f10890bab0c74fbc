"""Signed uploads: hand one out, and start the job when its object arrives."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass

from shared.domain import lifecycle
from shared.domain.errors import Conflict, InvalidRequest, LimitExceeded
from shared.domain.job import Job, JobError, Source, SourceKind, Status, unique_key
from shared.ports.blob_store import SignedUpload
from shared.ports.platform import Platform
from shared.services.keys_of_blobs import parse_upload_key, upload_key
from shared.services.send_job import send_job
from shared.services.update_job import update_job
from shared.services.upload_object import arrived_object, erase_late, taken

_UPLOAD_ID = re.compile(r"upl_[a-z0-9]{26}")

#: Seconds after the end of its URL for which an upload waits to be named by a job.
UNCLAIMED_SECONDS = 86_400.0
#: The tenant of the records that have the sweep look after such uploads: no name of a caller's,
#: so that they are in nobody's lists.
_NOBODY = "~unclaimed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Upload:
    """What a client needs to send its bytes itself."""

    upload_id: str
    signed: SignedUpload


def sign_upload(
    platform: Platform, *, tenant: str, size_bytes: int | None, content_type: str | None
) -> Upload:
    """Hand out a signed upload.

    Raises:
        LimitExceeded: the announced size is over the deployment's limit.
    """
    most = platform.limits.max_source_bytes
    if size_bytes is not None and size_bytes > most:
        raise LimitExceeded(
            f"size_bytes is {size_bytes}; the limit is {most} bytes",
            code="payload_too_large",
            field="size_bytes",
        )
    upload_id = platform.ids.new("upl")
    signed = platform.blobs.sign_upload(
        upload_key(tenant, upload_id),
        expires_in=platform.limits.upload_seconds,
        max_bytes=size_bytes or most,
        content_type=content_type,
        size_bytes=size_bytes,
    )
    return Upload(upload_id=upload_id, signed=signed)


def expect_claim(platform: Platform, *, tenant: str, upload_id: str) -> None:
    """Have an upload that was handed out without a job erased, should no job ever name it.

    Raises:
        Unavailable: the store did not answer; the upload should not be handed out.
    """
    now = platform.clock.now()
    record = Job(
        id=upload_id,
        tenant=_NOBODY,
        status=Status.AWAITING_UPLOAD,
        source=Source(kind=SourceKind.BLOB, key=upload_key(tenant, upload_id)),
        created_at=now,
        upload_expires_at=now + platform.limits.upload_seconds + UNCLAIMED_SECONDS,
    )
    platform.jobs.create(lifecycle.submitted(record, timing=platform.timing))


def check_upload_id(upload_id: str) -> str:
    """Return the id.

    Raises:
        InvalidRequest: not of an upload id's form.
    """
    if not _UPLOAD_ID.fullmatch(upload_id):
        raise InvalidRequest("upload_id is not one that POST /uploads gave", field="upload_id")
    return upload_id


def object_arrived(platform: Platform, key: str) -> Job | None:
    """An object lies under `key`: start the job that waits for it, if there is one.

    Safe to call any number of times for the same object. What arrives after the job took an object,
    ended without one or was erased is erased.
    """
    parsed = parse_upload_key(key)
    if parsed is None:
        return None
    tenant, upload_id = parsed
    job = platform.jobs.find_unique(unique_key("upload", tenant, upload_id))
    if job is not None and job.status is Status.AWAITING_UPLOAD:
        return start_upload(platform, job)
    erase_late(platform, key, job)
    return job


def start_upload(platform: Platform, job: Job) -> Job:
    """Make an awaiting job pending if its object is there; else return it as it is."""
    if job.status is not Status.AWAITING_UPLOAD or job.source.key is None:
        return job
    try:
        info = arrived_object(platform, job.source.key)
    except Conflict:  # erased between this job's submit and now; it will time out
        return job
    if info is None:
        return job
    source = taken(job.source, info)

    def arrive(current: Job) -> Job:
        if current.status is not Status.AWAITING_UPLOAD:
            return current
        return lifecycle.uploaded(
            current, now=platform.clock.now(), source=source, timing=platform.timing
        )

    started = update_job(platform, job.id, arrive)
    send_job(platform, started)
    return started


def expire_upload(platform: Platform, job: Job) -> Job:
    """The upload's time is over: start it if the object did arrive, else fail the job.

    One that no job has claimed is erased.
    """
    if job.tenant == _NOBODY:
        _erase_unclaimed(platform, job)
        return job
    started = start_upload(platform, job)
    if started.status is not Status.AWAITING_UPLOAD:
        return started
    error = JobError(
        code="upload_expired",
        detail=f"nothing was uploaded within {platform.limits.upload_seconds:g} seconds",
    )

    def expire(current: Job) -> Job:
        if current.status is not Status.AWAITING_UPLOAD:
            return current
        return lifecycle.failed(
            current, error=error, now=platform.clock.now(), timing=platform.timing
        )

    return update_job(platform, job.id, expire)


def _erase_unclaimed(platform: Platform, record: Job) -> None:
    """No mark is left, as with an upload whose job is erased: the URL has ended long ago."""
    key = record.source.key or ""
    upload = parse_upload_key(key)
    if upload and platform.jobs.find_unique(unique_key("upload", *upload)) is None:
        with suppress(Conflict):  # erased with its job, and marked
            arrived_object(platform, key)
            platform.blobs.delete(key)
    platform.jobs.delete(record)
