"""The webhook function's work: events of jobs, and deliveries that are due."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from functions.events import read_webhook_message
from functions.observability.emit import MetricsLog
from functions.observability.logs import in_hand
from functions.observability.metrics import WEBHOOK_ATTEMPTS, WEBHOOK_LATENCY
from functions.sqs_batch import work_off
from functions.webhook.figures import count_event
from shared.domain.deliveries import Delivery, DeliveryStatus
from shared.domain.messages import DeliveryDue, JobEvent
from shared.ports.platform import Platform
from shared.services.record_event import record_event
from shared.services.send_delivery import send_delivery

if TYPE_CHECKING:
    import httpx

#: Beside the receiver's time: reading the record and the transcript, and writing what came of it.
_MARGIN_SECONDS = 10.0


class WebhookBatch:
    """Keeps the HTTP client from one invocation to the next; most events need none."""

    def __init__(
        self, platform: Platform, *, metrics: MetricsLog, client: httpx.Client | None = None
    ) -> None:
        self._platform = platform
        self._metrics = metrics
        self._client = client
        self._making = threading.Lock()

    def handle(self, event: Mapping[str, Any], *, time_left: Callable[[], float]) -> dict[str, Any]:
        """Work off a batch, all records at once; returns which are to come again.

        Raises:
            InvalidRequest: not a batch of SQS records.
        """
        return work_off(
            event,
            self._handle_message,
            queue="webhooks",
            metrics=self._metrics,
            time_left=time_left,
            needed_seconds=self._platform.webhooks.timeout_seconds + _MARGIN_SECONDS,
            parallel=True,
        )

    def _handle_message(self, body: str) -> None:
        message = read_webhook_message(body)
        if isinstance(message, DeliveryDue):
            with in_hand(delivery_id=message.delivery_id):
                self._attempt(message.delivery_id)
            return
        with in_hand(event_id=message.event_id, job_id=message.job_id):
            self._handle_event(message)

    def _handle_event(self, event: JobEvent) -> None:
        """Record the delivery and make its first attempt at once."""
        delivery = record_event(self._platform, event)
        count_event(self._platform, self._metrics, event)
        if delivery is not None and self._is_due(delivery):
            self._attempt(delivery.id)

    def _is_due(self, delivery: Delivery) -> bool:
        return delivery.wake_at is not None and delivery.wake_at <= self._platform.clock.now()

    def _attempt(self, delivery_id: str) -> None:
        from functions.webhook.handle import handle_delivery

        delivery = handle_delivery(self._platform, delivery_id, client=self._http())
        if delivery is None:
            return
        pending = delivery.status is DeliveryStatus.PENDING
        outcome = "retry" if pending else delivery.status.value
        self._metrics.add(WEBHOOK_ATTEMPTS, dimensions={"outcome": outcome})
        if delivery.attempts:
            self._metrics.add(WEBHOOK_LATENCY, delivery.attempts[-1].duration_seconds)
        send_delivery(self._platform, delivery)

    def _http(self) -> httpx.Client:
        """One client for all records of a batch, which come from threads of their own."""
        with self._making:
            if self._client is None:
                from functions.webhook.handle import webhook_client

                self._client = webhook_client(self._platform.webhooks)
            return self._client
