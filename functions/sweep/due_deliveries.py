"""Deliveries whose time has come are told to the webhook function, tenants taking turns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import zip_longest

from shared.domain.deliveries import Delivery
from shared.domain.errors import Unavailable
from shared.ports.platform import Platform
from shared.services.send_delivery import send_delivery

#: Messages that one round sends at most, and of one tenant. What is left has its turn a minute on.
MOST = 500
TENANT_SHARE = 100
_TENANTS = 50
#: A retry that is due soon has a message of its own: only what that did not reach is looked for.
GRACE_SECONDS = 15.0


def send_due(platform: Platform, *, time_left: Callable[[], float], stop_at: float) -> int:
    """Send a message for each due delivery; returns how many were sent.

    A delivery that is told twice is attempted once: the first deliverer locks it. While more
    messages could be taken than a round may send, nothing is added; retries that are still delayed
    don't count, else one tenant's would hold up all others'.

    Raises:
        Unavailable: the store or the queue did not answer.
    """
    if platform.webhook_queue is None:
        return 0
    depth = platform.webhook_queue.depth()
    if depth.waiting - depth.delayed >= MOST:
        return 0
    sent = 0
    for delivery in _in_turn(_by_tenant(platform)):
        if sent >= MOST or time_left() < stop_at:
            break
        if not send_delivery(platform, delivery):
            raise Unavailable("the webhook queue did not answer")
        sent += 1
    return sent


def _by_tenant(platform: Platform) -> Iterator[Iterable[Delivery]]:
    """Each tenant's share, as far as a round can send: the earliest of each."""
    now = platform.clock.now() - GRACE_SECONDS
    found, after = 0, ""
    while found < MOST:
        tenants = platform.deliveries.due_tenants(now=now, limit=_TENANTS, after=after)
        for tenant in tenants:
            due = platform.deliveries.due(now=now, limit=TENANT_SHARE, tenant=tenant)
            found += len(due)
            yield due
        if len(tenants) < _TENANTS:
            return
        after = tenants[-1]


def _in_turn(shares: Iterable[Iterable[Delivery]]) -> Iterator[Delivery]:
    """One of each tenant, then the second of each, and so on."""
    for turn in zip_longest(*shares):
        yield from (delivery for delivery in turn if delivery is not None)
