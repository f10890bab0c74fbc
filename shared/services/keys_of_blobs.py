"""Where a job's objects lie in the blob store. One prefix a job, so that a purge is one call."""

from __future__ import annotations

import re

from shared.domain.job import Job, unique_key

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def safe_name(filename: str | None) -> str:
    """A file's name reduced to letters, digits, dot, dash and underscore; at most 100 long."""
    cleaned = _UNSAFE.sub("_", (filename or "").replace("\\", "/").rsplit("/", 1)[-1])
    return cleaned.strip("._")[-100:] or "audio"


def job_prefix(tenant: str, job_id: str) -> str:
    """Everything that is erased with the job."""
    return f"tenants/{tenant}/jobs/{job_id}"


def source_key(tenant: str, job_id: str, filename: str | None) -> str:
    """The audio that was sent with the request."""
    return f"{job_prefix(tenant, job_id)}/source/{safe_name(filename)}"


def transcript_key(job: Job) -> str:
    """Attempts never share a key, so a stale worker can't overwrite a result."""
    return f"{job_prefix(job.tenant, job.id)}/attempt-{job.attempt}/transcript.json"


def rendering_key(job: Job, digest: str, extension: str) -> str:
    """A rendering of the transcript that is too large for an answer, by its content."""
    return f"{job_prefix(job.tenant, job.id)}/renderings/{digest}.{extension}"


def parts_prefix(job: Job, attempt: int) -> str:
    """The parts that this attempt saved."""
    return f"{job_prefix(job.tenant, job.id)}/attempt-{attempt}/parts"


def part_key(job: Job, attempt: int, number: int) -> str:
    """Part `number` of the transcript, as this attempt saved it."""
    return f"{parts_prefix(job, attempt)}/{number:06d}.json"


def turns_key(job: Job, attempt: int) -> str:
    """What this attempt's diarizer said; erased with the parts."""
    return f"{parts_prefix(job, attempt)}/turns.json"


def plan_key(job: Job, attempt: int) -> str:
    """What this attempt found out before it decoded."""
    return f"{job_prefix(job.tenant, job.id)}/attempt-{attempt}/plan.json"


def heard_key(job: Job) -> str:
    """The transcript before speakers, of a diarized job."""
    return f"{job_prefix(job.tenant, job.id)}/attempt-{job.attempt}/heard.json"


def voices_key(job: Job, attempt: int) -> str:
    """What the diarizer heard in this attempt; personal data, erased with the job."""
    return f"{job_prefix(job.tenant, job.id)}/attempt-{attempt}/voices"


def upload_key(tenant: str, upload_id: str) -> str:
    """Where a signed upload puts its object."""
    return f"tenants/{tenant}/uploads/{upload_id}"


def version_unique_key(tenant: str, key: str, version: str) -> str:
    """What at most one job may hold for this version of an object."""
    return unique_key("object", tenant, f"{key}#{version}")


def erased_key(tenant: str, upload_id: str) -> str:
    """What says that an upload was erased, where no signed upload can put anything."""
    return f"tenants/{tenant}/erased/{upload_id}"


def parse_upload_key(key: str) -> tuple[str, str] | None:
    """(tenant, upload id) of an upload's key, None for any other."""
    parts = key.split("/")
    if len(parts) == 4 and parts[0] == "tenants" and parts[2] == "uploads":  # noqa: PLR2004 - the shape above
        return parts[1], parts[3]
    return None
