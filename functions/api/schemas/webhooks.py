"""Deliveries and signing secrets."""

from __future__ import annotations

from pydantic import Field

from functions.schemas.base import Model, Timestamp, UrlText
from shared.domain.deliveries import DeliveryStatus
from shared.domain.events import EventType
from shared.domain.job import PayloadMode
from shared.services.read_job import MOST_PER_PAGE


class AttemptOut(Model):
    """One try: the receiver's status code, or what kept it from answering."""

    at: Timestamp
    duration_seconds: float
    status_code: int | None
    error: str | None


class DeliveryOut(Model):
    """One event to one URL. `id` is the `webhook-id` header of every attempt."""

    id: str
    job_id: str | None
    event_type: EventType
    occurred_at: Timestamp
    url: str
    mode: PayloadMode
    status: DeliveryStatus
    created_at: Timestamp
    next_attempt_at: Timestamp | None
    attempts: list[AttemptOut]


class DeliveryList(Model):
    """One page, newest first."""

    deliveries: list[DeliveryOut]
    cursor: str | None = Field(description="For the next page; null on the last.")


class DeliveryFilter(Model, defer_build=False):
    """Query of GET /api/v1/webhooks/deliveries."""

    job_id: str | None = Field(default=None, max_length=64)
    status: DeliveryStatus | None = Field(default=None)
    limit: int = Field(default=50, ge=1, le=MOST_PER_PAGE, description="Deliveries on a page.")
    cursor: str | None = Field(default=None, max_length=1000)


class TestRequest(Model, defer_build=False):
    """Where to send a signed test event."""

    url: UrlText = Field(examples=["https://example.com/hooks/tamlil"])
    mode: PayloadMode = Field(default=PayloadMode.STANDARD)


class SecretOut(Model):
    """What webhooks are signed with. While a secret rotates, both sign."""

    secret: str = Field(description="The newest.", examples=["whsec_<base64>"])
    previous: list[str] = Field(description="Still signing along.")
