"""From an event of a job to a delivery on schedule, once per event."""

from __future__ import annotations

from shared.domain.deliveries import Delivery, DeliveryStatus
from shared.domain.errors import NotFound
from shared.domain.messages import JobEvent
from shared.ports.platform import Platform


def record_event(platform: Platform, event: JobEvent) -> Delivery | None:
    """Schedule the webhook for an event; None when nobody asked to hear of it.

    The delivery's id is the event's: a duplicated event changes nothing.

    Raises:
        Unavailable: the store did not answer; the event should come again.
    """
    try:
        job = platform.jobs.get(event.job_id)
    except NotFound:
        return None  # purged: there is nothing left to tell
    target = job.webhook
    if target is None or event.type not in target.events:
        return None
    off = platform.deliveries.is_switched_off(job.tenant, target.url)
    now = platform.clock.now()
    return platform.deliveries.create(
        Delivery(
            id=event.event_id,
            tenant=job.tenant,
            job_id=job.id,
            event_type=event.type,
            occurred_at=event.occurred_at,
            url=target.url,
            created_at=now,
            mode=target.mode,
            status=DeliveryStatus.SWITCHED_OFF if off else DeliveryStatus.PENDING,
            next_attempt_at=None if off else now,
        )
    )
