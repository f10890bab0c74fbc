"""Cancel wins: written first, so that no completion can follow, then the compute is stopped."""

from __future__ import annotations

import logging

from shared.domain import lifecycle
from shared.domain.errors import Conflict, NotFound, Unavailable, VersionConflict
from shared.domain.job import Job, Status
from shared.ports.platform import Platform
from shared.services.keys_of_blobs import job_prefix, parse_upload_key, version_unique_key
from shared.services.read_job import read_job
from shared.services.update_job import update_job
from shared.services.upload_object import mark_erased

_log = logging.getLogger(__name__)


def cancel_job(platform: Platform, *, tenant: str, job_id: str) -> Job:
    """Cancel an unfinished job; one that is cancelled already is returned as it is.

    Raises:
        NotFound: no such job, or another tenant's.
        Conflict: code ``job_finished``: completed or failed before.
    """
    read_job(platform, tenant=tenant, job_id=job_id)
    held: list[str | None] = []

    def cancel(current: Job) -> Job:
        if current.status is Status.CANCELLED:
            return current
        if current.finished:
            raise Conflict(
                f"job {job_id} is {current.status} and can't be cancelled; ?purge=true erases it",
                code="job_finished",
            )
        held.append(current.execution if current.status is Status.PROCESSING else None)
        return lifecycle.cancelled(current, now=platform.clock.now(), timing=platform.timing)

    job = update_job(platform, job_id, cancel)
    if held and held[-1]:
        _stop(platform, job, held[-1])
    return job


def purge_job(platform: Platform, *, tenant: str, job_id: str) -> None:
    """Erase audio, transcript, deliveries and record; an unfinished job is cancelled first.

    Objects go before the record: a purge cut short can be asked for again. What a worker, which
    does not know of it yet, stores meanwhile goes too: here, or by its own hand, as
    `erase_if_purged` says.

    Raises:
        NotFound: no such job, or another tenant's.
    """
    job = read_job(platform, tenant=tenant, job_id=job_id)
    if not job.finished:
        try:
            cancel_job(platform, tenant=tenant, job_id=job_id)
        except Conflict:
            _log.info("finished while being purged", extra={"job_id": job_id})
    erase_job(platform, job_id)


def erase_job(platform: Platform, job_id: str) -> None:
    """Erase a finished job wherever it left something."""
    for _ in range(20):
        try:
            job = platform.jobs.get(job_id)
        except NotFound:
            return
        platform.deliveries.delete_for_job(job.id)
        platform.blobs.delete_prefix(job_prefix(job.tenant, job.id))
        _erase_source(platform, job)
        try:
            platform.jobs.delete(job)
        except VersionConflict:
            continue
        # Again: an event that was read before the record went may have scheduled one meanwhile,
        # and a worker, or a reader whose answer was too large, may have stored something.
        platform.deliveries.delete_for_job(job.id)
        platform.blobs.delete_prefix(job_prefix(job.tenant, job.id))
        return
    raise Unavailable(f"job {job_id} is being changed by too many writers at once")


def _erase_source(platform: Platform, job: Job) -> None:
    """What was put there for the job; an upload leaves a mark, since its URL may still be valid.

    Each version of a dropped object is a job of its own: the others' audio stays. So does that of a
    job which took, with other wishes, the version that this one was refused with.
    """
    key = job.source.key
    if key and parse_upload_key(key):
        mark_erased(platform, key)
    elif key and job.source.owned and not _taken_by_another(platform, job, key):
        platform.blobs.delete(key, version=job.source.version)


def _taken_by_another(platform: Platform, job: Job, key: str) -> bool:
    if job.source.version is None:
        return False
    unique = version_unique_key(job.tenant, key, job.source.version)
    return unique not in job.unique_keys and platform.jobs.find_unique(unique) is not None


def _stop(platform: Platform, job: Job, execution: str) -> None:
    """Ask the launcher; if it does not answer, the worker's next lease renewal stops it."""
    try:
        platform.launcher.stop(execution)
    except Unavailable as exc:
        _log.warning(
            "launcher unavailable, the worker will see the cancel itself",
            extra={"job_id": job.id, "error": exc.detail},
        )
