"""Whose webhook is sent next: tenants in turn, each with a bounded share of the senders.

A receiver that hangs holds a sender for the whole time limit. Earliest first would give every
sender to the tenant whose receivers hang most. There is no limit of one receiver over all tenants:
a tenant could then use up the share of a host that it has in common with others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, zip_longest

import httpx

from shared.domain.deliveries import Delivery
from shared.ports.delivery_store import DeliveryStore

#: What one look costs at most: so many tenants, and twice so many due deliveries of each. The next
#: look goes on behind it.
TENANTS = 16
PAGE = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Shares:
    """Deliveries in hand at once: in all, of one tenant, and of one tenant to one receiver."""

    senders: int = 32
    tenant: int = 8
    receiver: int = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Lane:
    """Deliveries that can hold each other up: those of a tenant to one host and port."""

    tenant: str
    receiver: str


def lane_of(delivery: Delivery) -> Lane:
    """The lane of a delivery; a URL that nobody can read is a receiver of its own."""
    try:
        receiver = httpx.URL(delivery.url).netloc.decode("ascii")
    except (httpx.InvalidURL, UnicodeError):
        receiver = delivery.url
    return Lane(tenant=delivery.tenant, receiver=receiver)


class DeliveryTurns:
    """Remembers whose turn it was. Not for several threads at once."""

    def __init__(self, store: DeliveryStore, shares: Shares) -> None:
        self._store = store
        self._shares = shares
        self._last_tenant = ""
        self._further: dict[str, Delivery] = {}

    def choose(self, *, now: float, busy: Mapping[str, Lane]) -> list[Delivery]:
        """Due deliveries that may be begun now, beside those in hand (`busy`, by their ids).

        Raises:
            Unavailable: the store did not answer.
        """
        room = self._shares.senders - len(busy)
        if room <= 0:
            return []
        load: Counter[str | Lane] = Counter(busy.values())
        load.update(lane.tenant for lane in busy.values())
        offers: list[list[Delivery]] = []
        for tenant in self._tenants(now):
            self._last_tenant = tenant
            offer = self._offer(tenant, now, busy, load)
            if offer:
                offers.append(offer)
            if len(offers) == room:
                break
        chosen = list(islice(_in_turn(offers), room))
        if chosen:
            self._last_tenant = chosen[-1].tenant
        return chosen

    def _tenants(self, now: float) -> Sequence[str]:
        """Those with something due, beginning behind the one whose turn it was last."""
        behind = self._store.due_tenants(now=now, limit=TENANTS, after=self._last_tenant)
        if len(behind) == TENANTS:
            return behind
        first = self._store.due_tenants(now=now, limit=TENANTS - len(behind))
        return [*behind, *(tenant for tenant in first if tenant not in behind)]

    def _offer(
        self, tenant: str, now: float, busy: Mapping[str, Lane], load: Counter[str | Lane]
    ) -> list[Delivery]:
        """What this tenant's share allows: of the least busy receiver first, then the earliest."""
        allowed = self._shares.tenant - load[tenant]
        if allowed <= 0:
            return []
        waiting = [(lane_of(d), d) for d in self._waiting(tenant, now) if d.id not in busy]
        used = Counter({lane: load[lane] for lane, _ in waiting})
        turns: list[tuple[int, int, Delivery]] = []
        for position, (lane, delivery) in enumerate(waiting):
            turns.append((used[lane], position, delivery))
            used[lane] += 1
        turns.sort(key=lambda turn: turn[:2])
        return [delivery for turn, _, delivery in turns if turn < self._shares.receiver][:allowed]

    def _waiting(self, tenant: str, now: float) -> Sequence[Delivery]:
        """The earliest, and of a long list one page further with each look.

        Else what lies behind a page of deliveries to one hanging receiver would not be seen.
        """
        front = self._store.due(now=now, limit=PAGE, tenant=tenant)
        start = self._further.pop(tenant, front[-1] if front else None)
        if start is None or len(front) < PAGE:
            return front
        beyond = self._store.due(now=now, limit=PAGE, tenant=tenant, after=start)
        if len(beyond) == PAGE:
            self._further[tenant] = beyond[-1]
        return list({delivery.id: delivery for delivery in (*front, *beyond)}.values())


def _in_turn(offers: Iterable[list[Delivery]]) -> Iterator[Delivery]:
    """One of each, then the second of each, and so on."""
    for turn in zip_longest(*offers):
        yield from (delivery for delivery in turn if delivery is not None)
