"""Jobs as documents of the HTTP API, from a server or from this machine's data folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from functions.api.present import job_out, job_summary
from functions.api.present_segments import segments_out
from shared.domain.codec import to_document
from shared.domain.job import Status
from shared.domain.options import DiarizationArgs
from shared.ports.job_store import JobQuery
from shared.ports.platform import Platform
from shared.services.cancel_job import cancel_job, purge_job
from shared.services.read_job import list_jobs, read_job
from shared.services.read_segments import read_segments
from shared.services.rediarize_job import Rediarization, rediarize_job
from shared.settings import Settings
from shared.wiring import load
from tamlil import console
from tamlil.client import ApiClient
from tamlil.session import remote


class Jobs(Protocol):
    """Jobs as documents of the HTTP API."""

    def list(self, status: Status | None, limit: int) -> list[dict[str, Any]]:
        """The newest jobs."""
        ...

    def show(self, job_id: str) -> dict[str, Any]:
        """One job, its transcript included when it is small."""
        ...

    def segments(self, job_id: str, after: str | None, /) -> dict[str, Any]:
        """Finished segments behind a cursor, as a page."""
        ...

    def cancel(self, job_id: str) -> None:
        """End an unfinished job."""
        ...

    def purge(self, job_id: str) -> None:
        """Erase a job with all that belongs to it."""
        ...

    def rediarize(self, job_id: str, args: DiarizationArgs) -> str:
        """Group a finished job's voices anew; returns the new job's id."""
        ...


class ServerJobs:
    """Jobs of a server."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    def list(self, status: Status | None, limit: int) -> list[dict[str, Any]]:
        """The newest jobs."""
        answer = self._client.get("/api/v1/jobs", status=status and str(status), limit=limit)
        return list(answer["jobs"])

    def show(self, job_id: str) -> dict[str, Any]:
        """One job, its transcript included when it is small."""
        return dict(self._client.get(f"/api/v1/jobs/{job_id}"))

    def segments(self, job_id: str, after: str | None, /) -> dict[str, Any]:
        """Finished segments behind a cursor, as a page."""
        return dict(self._client.segments(job_id, after))

    def cancel(self, job_id: str) -> None:
        """End an unfinished job."""
        self._client.delete(f"/api/v1/jobs/{job_id}")

    def purge(self, job_id: str) -> None:
        """Erase a job with all that belongs to it."""
        self._client.delete(f"/api/v1/jobs/{job_id}", purge="true")

    def rediarize(self, job_id: str, args: DiarizationArgs) -> str:
        """Group a finished job's voices anew; returns the new job's id."""
        body = {"diarization_args": to_document(args)}
        return str(self._client.post(f"/api/v1/jobs/{job_id}/rediarize", body)["job_id"])


class LocalJobs:
    """A tenant's jobs in this machine's data folder, whether or not a server runs on it."""

    def __init__(self, platform: Platform, tenant: str) -> None:
        self._platform = platform
        self._tenant = tenant

    def list(self, status: Status | None, limit: int) -> list[dict[str, Any]]:
        """The newest jobs."""
        query = JobQuery(tenant=self._tenant, status=status, limit=limit)
        found = list_jobs(self._platform, query).jobs
        return [job_summary(job).model_dump(mode="json") for job in found]

    def show(self, job_id: str) -> dict[str, Any]:
        """One job, its transcript included when it is small."""
        job = read_job(self._platform, tenant=self._tenant, job_id=job_id)
        return job_out(self._platform, job).model_dump(mode="json")

    def segments(self, job_id: str, after: str | None, /) -> dict[str, Any]:
        """Finished segments behind a cursor, as a page."""
        page = read_segments(self._platform, tenant=self._tenant, job_id=job_id, cursor=after)
        return segments_out(page).model_dump(mode="json")

    def cancel(self, job_id: str) -> None:
        """End an unfinished job."""
        cancel_job(self._platform, tenant=self._tenant, job_id=job_id)

    def purge(self, job_id: str) -> None:
        """Erase a job with all that belongs to it."""
        purge_job(self._platform, tenant=self._tenant, job_id=job_id)

    def rediarize(self, job_id: str, args: DiarizationArgs) -> str:
        """Group a finished job's voices anew; returns the new job's id."""
        asked = Rediarization(tenant=self._tenant, job_id=job_id, args=args)
        return rediarize_job(self._platform, asked).job.id


@contextmanager
def opened(server: str | None, api_key: str | None, tenant: str) -> Iterator[Jobs]:
    """The jobs that the options name, with errors told."""
    with console.errors_told():
        if server:
            with remote(server, api_key) as client:
                yield ServerJobs(client)
        else:
            with load(Settings()) as platform:
                yield LocalJobs(platform, tenant)
