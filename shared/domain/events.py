"""Events: what happened to a job, told at least once.

Each has an id by which a consumer knows that it has seen it before.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class EventType(StrEnum):
    """The types a webhook can subscribe to; ``webhook.test`` is sent on request only."""

    TRANSCRIPTION_PROCESSING = "transcription.processing"
    TRANSCRIPTION_COMPLETED = "transcription.completed"
    TRANSCRIPTION_FAILED = "transcription.failed"
    TRANSCRIPTION_CANCELLED = "transcription.cancelled"
    ENHANCEMENT_COMPLETED = "enhancement.completed"
    ENHANCEMENT_FAILED = "enhancement.failed"
    WEBHOOK_TEST = "webhook.test"


@dataclass(frozen=True, kw_only=True, slots=True)
class OutboxEvent:
    """An event that travels with the record until it is known to be published.

    `id` is derived from the job and the type: the same event always has the same id.
    """

    id: str
    type: EventType
    occurred_at: float
