"""A tenant of the deployed service, as its own client: the HTTP API, the bucket, the webhook."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from types import TracebackType
from typing import Any, Self

import httpx
from standardwebhooks import Webhook

from tamlil.receiver import ReceivedWebhook
from tests.aws.support.stack import Stack
from tests.support.waiting import wait_for

#: Seconds for a job; the machine may be busy.
PATIENCE = 300.0
FINISHED = ("completed", "failed", "cancelled")
#: What an operator has set for every webhook of the deployment.
BYPASS = "t0ken"


@dataclass
class Tenant:
    """`name` is the tenant, `token` its API key."""

    stack: Stack
    name: str
    token: str

    @cached_property
    def http(self) -> httpx.Client:
        """The API, with the key."""
        return self.stack.http(self.token)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.http.close()

    def submit(self, url: str, *, key: str | None = None, **fields: Any) -> str:
        """Submit by URL; returns the job's id."""
        headers = {} if key is None else {"Idempotency-Key": key}
        answer = self.http.post(
            "/api/v1/transcribe", json={"url": url, "language": "en", **fields}, headers=headers
        )
        assert answer.status_code == 202, answer.text
        return str(answer.json()["job_id"])

    def job(self, job_id: str) -> dict[str, Any]:
        """The job as it is."""
        answer = self.http.get(f"/api/v1/jobs/{job_id}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def jobs(self) -> list[dict[str, Any]]:
        """All jobs of the tenant, newest first."""
        return list(self.http.get("/api/v1/jobs").json()["jobs"])

    def finished(self, job_id: str, *, seconds: float = PATIENCE) -> dict[str, Any]:
        """The job as soon as it is over."""
        wait_for(lambda: self.job(job_id)["status"] in FINISHED, seconds=seconds)
        return self.job(job_id)

    def completed(self, job_id: str, *, seconds: float = PATIENCE) -> dict[str, Any]:
        """The job as soon as it is over, which must be well."""
        job = self.finished(job_id, seconds=seconds)
        assert job["status"] == "completed", job
        return job

    def transcript(self, job_id: str) -> dict[str, Any]:
        """The canonical transcript."""
        answer = self.http.get(f"/api/v1/jobs/{job_id}/transcript", follow_redirects=True)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def verify(self, webhook: ReceivedWebhook) -> dict[str, Any]:
        """What a webhook says, after an independent library has checked who sent it."""
        secret = self.http.get("/api/v1/webhooks/secret").json()["secret"]
        return dict(Webhook(secret).verify(webhook.body, webhook.headers))

    def deliveries(self) -> list[dict[str, Any]]:
        """The delivery log."""
        return list(self.http.get("/api/v1/webhooks/deliveries").json()["deliveries"])
