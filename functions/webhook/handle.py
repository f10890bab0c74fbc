"""From an event to a delivery on schedule, and from a due delivery to one attempt."""

from __future__ import annotations

from collections.abc import Callable

import httpx

from shared.domain.deliveries import Delivery
from shared.domain.messages import JobEvent, decode
from shared.ports.platform import Platform, WebhookConfig
from shared.services.deliver_webhook import deliver_webhook
from shared.services.record_event import record_event
from shared.webhooks.time_limit import never, time_limit
from shared.webhooks.url_guard import UrlPolicy, guarded_client


def webhook_client(config: WebhookConfig) -> httpx.Client:
    """A client that reaches no private address and hands a redirect back as the answer."""
    policy = UrlPolicy(
        allow_loopback=config.allow_loopback,
        allow_private_networks=config.allow_private_networks,
    )
    return guarded_client(policy, timeout=config.timeout_seconds, max_redirects=0)


def handle_event(platform: Platform, body: str) -> Delivery | None:
    """Schedule the webhook that an event calls for.

    Raises:
        InvalidRequest: not an event of ours; it belongs into the dead-letter queue.
        Unavailable: the store did not answer; the event should come again.
    """
    return record_event(platform, decode(JobEvent, body))


def handle_delivery(
    platform: Platform,
    delivery_id: str,
    *,
    client: httpx.Client,
    should_stop: Callable[[], bool] = never,
) -> Delivery | None:
    """Make one attempt, which takes no longer than the webhook timeout in all.

    Raises:
        Stopped: `should_stop` said so while sending; the attempt comes again after its lock.
        Unavailable: the store did not answer; likewise.
    """
    with time_limit(platform.webhooks.timeout_seconds, should_stop):
        return deliver_webhook(platform, delivery_id, client=client)
