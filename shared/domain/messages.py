"""What travels on queues and buses.

Every message names its version; a reader refuses one that it does not know.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TypeVar

from shared.domain.codec import from_document, to_document
from shared.domain.errors import InvalidRequest
from shared.domain.events import EventType

VERSION = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class JobQueued:
    """A job waits for a worker. A hint: the record decides, so duplicates do no harm."""

    job_id: str
    version: int = VERSION


@dataclass(frozen=True, kw_only=True, slots=True)
class JobEvent:
    """Something happened to a job; consumers are idempotent by `event_id`."""

    event_id: str
    type: EventType
    job_id: str
    tenant: str
    occurred_at: float
    version: int = VERSION


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryDue:
    """A webhook is to be sent now. A hint, as `JobQueued` is."""

    delivery_id: str
    version: int = VERSION


M = TypeVar("M", JobQueued, JobEvent, DeliveryDue)


def encode(message: JobQueued | JobEvent | DeliveryDue) -> str:
    """Return the message as compact JSON."""
    return json.dumps(to_document(message), separators=(",", ":"), sort_keys=True)


def decode(kind: type[M], body: str) -> M:
    """Read a message.

    Raises:
        InvalidRequest: not JSON, not this kind of message, or of a version not known here.
    """
    try:
        document = json.loads(body)
    except ValueError as exc:
        msg = f"not a {kind.__name__} message: not JSON"
        raise InvalidRequest(msg, code="invalid_message") from exc
    if not isinstance(document, dict) or document.get("version") != VERSION:
        msg = f"not a {kind.__name__} message of version {VERSION}"
        raise InvalidRequest(msg, code="invalid_message")
    return from_document(kind, document)
