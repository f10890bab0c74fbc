"""Tell the webhook function of a delivery that is due, or soon will be."""

from __future__ import annotations

import logging
import math

from shared.domain.deliveries import Delivery, DeliveryStatus
from shared.domain.errors import LimitExceeded, Unavailable
from shared.domain.messages import DeliveryDue, encode
from shared.ports.job_queue import LONGEST_DELAY_SECONDS
from shared.ports.platform import Platform

_log = logging.getLogger(__name__)


def send_delivery(platform: Platform, delivery: Delivery) -> bool:
    """Send the message for a delivery that waits, to arrive when it is due; returns whether it did.

    Nothing to do where deliveries are looked for all the time. A queue that does not answer, or
    takes no such message, is no error: the record says when it is due, and the sweep finds it, as
    it does what is due later than a queue can hold it back.
    """
    queue = platform.webhook_queue
    if queue is None or delivery.status is not DeliveryStatus.PENDING or delivery.wake_at is None:
        return False
    # Rounded up: a message that comes before its time finds nothing to do, and is gone.
    delay = max(0, math.ceil(delivery.wake_at - platform.clock.now()))
    if delay > LONGEST_DELAY_SECONDS:
        return False
    message = encode(DeliveryDue(delivery_id=delivery.id))
    try:
        queue.send(message, delay_seconds=float(delay), group=delivery.tenant)
    except (Unavailable, LimitExceeded) as exc:
        _log.warning(
            "not queued, the sweep will send",
            extra={"delivery_id": delivery.id, "error": exc.detail},
        )
        return False
    return True
