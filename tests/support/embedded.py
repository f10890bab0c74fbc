"""A running embedded server with real worker processes and a null engine, for tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from functions.local.server import EmbeddedServer
from shared.domain.api_keys import Scope
from shared.ports.launcher import Launcher
from shared.services.manage_keys import create_key
from tests.support.platform import make_settings
from tests.support.waiting import wait_for

FINISHED = ("completed", "failed", "cancelled")


@dataclass(frozen=True, kw_only=True, slots=True)
class Running:
    """The server, and a client whose key may do everything for tenant ``acme``."""

    server: EmbeddedServer
    http: httpx.Client
    token: str

    def submit_url(self, url: str, **fields: Any) -> str:
        """Submit; returns the job's id."""
        answer = self.http.post("/api/v1/transcribe", json={"url": url, **fields})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["job_id"])

    def submit_bytes(self, content: bytes = b"audio", **fields: Any) -> str:
        """Submit a small file; returns the job's id."""
        answer = self.http.post(
            "/api/v1/transcribe/upload", files={"file": ("a.wav", content)}, data=fields
        )
        assert answer.status_code == 202, answer.text
        return str(answer.json()["job_id"])

    def job(self, job_id: str) -> dict[str, Any]:
        """The job as it is."""
        return dict(self.http.get(f"/api/v1/jobs/{job_id}").json())

    def finished(self, job_id: str) -> dict[str, Any]:
        """The job as soon as it is over."""
        wait_for(lambda: self.job(job_id)["status"] in FINISHED)
        return self.job(job_id)

    def deliveries(self) -> list[dict[str, Any]]:
        """The delivery log."""
        return list(self.http.get("/api/v1/webhooks/deliveries").json()["deliveries"])


@contextmanager
def running_server(
    data_dir: Path, *, launcher: Launcher | None = None, **overrides: Any
) -> Iterator[Running]:
    """Start on any free port, stop at the end."""
    defaults: dict[str, Any] = {
        "port": 0,
        "null_engine": True,
        "allow_loopback_urls": True,
        "retry_backoff_seconds": 0.1,
        # Waiting is asking again and again; on a busy machine for longer than a burst lasts.
        "rate_limit": 1_000_000,
        "rate_burst": 1_000_000,
    }
    settings = make_settings(data_dir, **(defaults | overrides))
    with EmbeddedServer(settings, launcher=launcher) as server:
        token = create_key(server.platform, tenant="acme", scopes=frozenset(Scope)).token
        with httpx.Client(base_url=server.url, headers={"X-API-Key": token}, timeout=30) as http:
            yield Running(server=server, http=http, token=token)
