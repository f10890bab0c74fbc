"""A webhook delivery: one event to one URL, with its schedule and the log of its attempts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from shared.domain.events import EventType
from shared.domain.job import PayloadMode

#: The log of a delivery holds its newest attempts: people may redeliver without end.
MOST_ATTEMPTS_KEPT = 100

#: Seconds between attempts: at once, then after 5 s, 5 min, 30 min, 2 h, 5 h and 10 h.
DEFAULT_SCHEDULE = (0.0, 5.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0)


class DeliveryStatus(StrEnum):
    """`switched_off`: the receiver answered 410, here or earlier, and is left alone."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    SWITCHED_OFF = "switched_off"


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryAttempt:
    """One try: the receiver's status code, or the error that kept it from answering."""

    at: float
    duration_seconds: float
    status_code: int | None = None
    error: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """`id` is the event's id, so that the same event is never scheduled twice.

    - scheduled: attempts already used up of the schedule (a redelivery starts anew)
    - locked_until: a deliverer is sending; nobody else may until then
    - next_attempt_at: None when nothing more will be sent
    """

    id: str
    tenant: str
    job_id: str | None
    event_type: EventType
    occurred_at: float
    url: str
    created_at: float
    mode: PayloadMode = PayloadMode.STANDARD
    status: DeliveryStatus = DeliveryStatus.PENDING
    scheduled: int = 0
    attempts: tuple[DeliveryAttempt, ...] = ()
    next_attempt_at: float | None = None
    locked_until: float | None = None
    version: int = 0

    @property
    def wake_at(self) -> float | None:
        """When the sweep must look: the later of what is due and what is locked."""
        if self.next_attempt_at is None:
            return None
        return max(self.next_attempt_at, self.locked_until or 0.0)


def _logged(delivery: Delivery, attempt: DeliveryAttempt) -> tuple[DeliveryAttempt, ...]:
    return (*delivery.attempts, attempt)[-MOST_ATTEMPTS_KEPT:]


def lock(delivery: Delivery, *, until: float) -> Delivery:
    """Take the delivery for one attempt; written before sending."""
    return replace(delivery, locked_until=until)


def record_success(delivery: Delivery, attempt: DeliveryAttempt) -> Delivery:
    """2xx: never sent again."""
    return replace(
        delivery,
        status=DeliveryStatus.DELIVERED,
        attempts=_logged(delivery, attempt),
        scheduled=delivery.scheduled + 1,
        next_attempt_at=None,
        locked_until=None,
    )


def record_failure(
    delivery: Delivery,
    attempt: DeliveryAttempt,
    *,
    schedule: tuple[float, ...],
    retry_after: float | None = None,
) -> Delivery:
    """Anything but 2xx: the next attempt of the schedule, later if the receiver asked for it."""
    used = delivery.scheduled + 1
    over = used >= len(schedule)
    wait = None if over else max(schedule[used], retry_after or 0.0)
    return replace(
        delivery,
        status=DeliveryStatus.FAILED if over else DeliveryStatus.PENDING,
        attempts=_logged(delivery, attempt),
        scheduled=used,
        next_attempt_at=None if wait is None else attempt.at + attempt.duration_seconds + wait,
        locked_until=None,
    )


def record_late(delivery: Delivery, attempt: DeliveryAttempt) -> Delivery:
    """An attempt that outlived its lock did not succeed: log it, the schedule is another's now."""
    return replace(delivery, attempts=_logged(delivery, attempt))


def record_gone(delivery: Delivery, attempt: DeliveryAttempt | None) -> Delivery:
    """410 Gone, or a hook that was switched off before: nothing more is sent."""
    return replace(
        delivery,
        status=DeliveryStatus.SWITCHED_OFF,
        attempts=delivery.attempts if attempt is None else _logged(delivery, attempt),
        next_attempt_at=None,
        locked_until=None,
    )


def redeliver(delivery: Delivery, *, now: float) -> Delivery:
    """Start the schedule anew, because a person asked; the attempt log stays."""
    return replace(
        delivery,
        status=DeliveryStatus.PENDING,
        scheduled=0,
        next_attempt_at=now,
        locked_until=None,
    )
