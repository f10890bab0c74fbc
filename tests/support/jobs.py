"""Jobs to start a test from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from shared.domain.job import Job, Source, SourceKind, Status

NOW = 1_800_000_000.0


def make_job(**changes: Any) -> Job:
    """A pending job of tenant ``acme`` that is to be fetched from a URL."""
    job = Job(
        id="job_00000000000000000000000001",
        tenant="acme",
        status=Status.PENDING,
        source=Source(kind=SourceKind.URL, url="https://example.com/a.wav"),
        created_at=NOW,
    )
    return replace(job, **changes)
