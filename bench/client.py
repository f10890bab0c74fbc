"""A caller of the embedded server: submits a file, waits, reads the transcript."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from bench.findings import BenchmarkBroken

_POLL_SECONDS = 0.1
_LONGEST_SECONDS = 600.0
_OVER = frozenset({"completed", "failed", "cancelled"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """`http` carries the server's address and the key."""

    http: httpx.Client

    def transcribe(
        self,
        audio: Path,
        options: Mapping[str, str] | None = None,
        *,
        seconds: float = _LONGEST_SECONDS,
    ) -> dict[str, Any]:
        """Submit and wait for up to `seconds`; returns the job as the API shows it.

        Options are form fields, all default without them.

        Raises:
            BenchmarkBroken: refused, failed, or not over in time.
        """
        with audio.open("rb") as file:
            answer = self.http.post(
                "/api/v1/transcribe/upload",
                data=dict(options or {}),
                files={"file": (audio.name, file)},
            )
        if answer.status_code != 202:
            raise BenchmarkBroken(f"submit was answered {answer.status_code}: {answer.text}")
        return self._wait(answer.json()["job_id"], seconds)

    def transcribe_signed(self, audio: Path, *, seconds: float) -> dict[str, Any]:
        """As `transcribe`, by a signed upload, which takes files of any size.

        Raises:
            BenchmarkBroken: refused, failed, or not over in time.
        """
        body = {"size_bytes": audio.stat().st_size, "filename": audio.name, "transcribe": {}}
        answer = self.http.post("/api/v1/uploads", json=body)
        if answer.status_code != 201:
            raise BenchmarkBroken(f"upload was answered {answer.status_code}: {answer.text}")
        signed = answer.json()
        with audio.open("rb") as file:
            sent = self.http.request(
                signed["method"], signed["url"], headers=signed["headers"], content=file
            )
        if not sent.is_success:
            raise BenchmarkBroken(f"the bytes were answered {sent.status_code}: {sent.text}")
        return self._wait(signed["job_id"], seconds)

    def _wait(self, job_id: str, seconds: float) -> dict[str, Any]:
        path = f"/api/v1/jobs/{job_id}"
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            job: dict[str, Any] = self.http.get(path).raise_for_status().json()
            if job["status"] == "completed":
                return job
            if job["status"] in _OVER:
                raise BenchmarkBroken(f"the job is {job['status']}: {job['error']}")
            time.sleep(_POLL_SECONDS)
        raise BenchmarkBroken(f"the job is not over after {seconds:g} seconds")

    def text(self, job: dict[str, Any]) -> str:
        """The transcript as plain text."""
        return self.rendered(job, "text").text

    def rendered(self, job: dict[str, Any], form: str) -> httpx.Response:
        """The transcript in a format."""
        path = f"/api/v1/jobs/{job['job_id']}/transcript"
        return self.http.get(path, params={"format": form}).raise_for_status()
