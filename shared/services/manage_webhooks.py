"""The delivery log, redelivery, test events and signing secrets of a tenant."""

from __future__ import annotations

from collections.abc import Sequence

from shared.domain import deliveries
from shared.domain.deliveries import Delivery
from shared.domain.errors import InvalidRequest, NotFound, VersionConflict
from shared.domain.events import EventType
from shared.domain.job import PayloadMode
from shared.ports.delivery_store import DeliveryPage, DeliveryQuery
from shared.ports.platform import Platform
from shared.services.read_job import MOST_PER_PAGE
from shared.services.send_delivery import send_delivery
from shared.webhooks.signing import new_secret
from shared.webhooks.url_policy import UrlPolicy, check_url


def signing_secrets(platform: Platform, tenant: str) -> Sequence[str]:
    """A tenant's secrets, newest first; one is made the first time."""
    name = _secret_name(tenant)
    found = platform.secrets.get(name)
    return tuple(found) or (platform.secrets.put_if_absent(name, new_secret()),)


def rotate_secret(platform: Platform, tenant: str) -> str:
    """Make a new secret; the one before signs along, so that receivers can change over."""
    signing_secrets(platform, tenant)
    secret = new_secret()
    platform.secrets.put(_secret_name(tenant), secret, keep=2)
    return secret


def list_deliveries(platform: Platform, query: DeliveryQuery) -> DeliveryPage:
    """A page of the tenant's delivery log, newest first.

    Raises:
        InvalidRequest: the limit is not 1 to 200, or the cursor is not one of ours.
    """
    if not 1 <= query.limit <= MOST_PER_PAGE:
        raise InvalidRequest(f"limit must be 1 to {MOST_PER_PAGE}", field="limit")
    return platform.deliveries.query(query)


def read_delivery(platform: Platform, *, tenant: str, delivery_id: str) -> Delivery:
    """Return one delivery with its attempts.

    Raises:
        NotFound: no such delivery, or another tenant's.
    """
    try:
        delivery = platform.deliveries.get(delivery_id)
    except NotFound:
        raise _absent(delivery_id) from None
    if delivery.tenant != tenant:
        raise _absent(delivery_id)
    return delivery


def redeliver_webhook(platform: Platform, *, tenant: str, delivery_id: str) -> Delivery:
    """Send it again, because a person asked; also switches a hook on that answered 410.

    Raises:
        NotFound: no such delivery, or another tenant's.
        VersionConflict: it is being sent right now.
    """
    delivery = read_delivery(platform, tenant=tenant, delivery_id=delivery_id)
    now = platform.clock.now()
    if delivery.locked_until is not None and delivery.locked_until > now:
        raise VersionConflict("the delivery is being sent right now; try again in a moment")
    platform.deliveries.switch_on(tenant, delivery.url)
    stored = platform.deliveries.replace(deliveries.redeliver(delivery, now=now))
    send_delivery(platform, stored)
    return stored


def send_test(
    platform: Platform, *, tenant: str, url: str, mode: PayloadMode = PayloadMode.STANDARD
) -> Delivery:
    """Schedule a signed ``webhook.test`` event; its delivery shows what came of it.

    Raises:
        UrlRefused: the URL is not one that may be called.
    """
    check_url(
        url,
        UrlPolicy(
            allow_loopback=platform.webhooks.allow_loopback,
            allow_private_networks=platform.webhooks.allow_private_networks,
        ),
    )
    platform.deliveries.switch_on(tenant, url)
    now = platform.clock.now()
    stored = platform.deliveries.create(
        Delivery(
            id=platform.ids.new("evt"),
            tenant=tenant,
            job_id=None,
            event_type=EventType.WEBHOOK_TEST,
            occurred_at=now,
            url=url,
            created_at=now,
            mode=mode,
            next_attempt_at=now,
        )
    )
    send_delivery(platform, stored)
    return stored


def _secret_name(tenant: str) -> str:
    return f"webhook-signing/{tenant}"


def _absent(delivery_id: str) -> NotFound:
    return NotFound(f"no delivery {delivery_id[:128]!r}", code="delivery_not_found")
