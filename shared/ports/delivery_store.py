"""Where webhook deliveries and switched-off hooks live."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.domain.deliveries import Delivery, DeliveryStatus


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryQuery:
    """A tenant's deliveries, newest first."""

    tenant: str
    job_id: str | None = None
    status: DeliveryStatus | None = None
    limit: int = 50
    cursor: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryPage:
    """One page; `cursor` is opaque, None on the last page."""

    deliveries: tuple[Delivery, ...]
    cursor: str | None


class DeliveryStore(Protocol):
    """Deliveries with optimistic versions, as in `JobStore`.

    `get`, `is_switched_off`, a `query` by job and `delete_for_job` see every write that returned
    before them; other lists may lag as those of `JobStore`, and `due_tenants` may for a moment
    name a tenant in vain. A record that can't be read is treated as in `JobStore`.
    Every method raises `Unavailable` when the store does not answer.
    """

    def create(self, delivery: Delivery) -> Delivery:
        """Write a new record at version 1; one with the same id is returned instead, unchanged."""
        ...

    def get(self, delivery_id: str) -> Delivery:
        """Return the record.

        Raises:
            NotFound: there is none.
        """
        ...

    def replace(self, delivery: Delivery) -> Delivery:
        """Write if the stored version is still `delivery.version`; returns it one higher.

        Raises:
            VersionConflict: somebody wrote first, or the record is gone.
        """
        ...

    def query(self, query: DeliveryQuery) -> DeliveryPage:
        """A tenant's deliveries, newest first, of one time the larger id first.

        Raises:
            InvalidRequest: code ``invalid_cursor``.
        """
        ...

    def due(
        self,
        *,
        now: float,
        limit: int,
        tenant: str | None = None,
        after: Delivery | None = None,
    ) -> Sequence[Delivery]:
        """Records whose `wake_at` is not after `now`, earliest first, of one time the smaller id.

        With `tenant` only that tenant's. With `after` only what comes behind it in this order,
        by its `wake_at` and id; it need not be due or stored any more.
        """
        ...

    def due_tenants(self, *, now: float, limit: int, after: str = "") -> Sequence[str]:
        """Tenants that have something due, by name in the order of code points, behind `after`.

        What it costs grows with the tenants, not with their deliveries: an index by tenant and
        time lets a store skip from one tenant to the next.
        """
        ...

    def delete_for_job(self, job_id: str) -> None:
        """Erase the job's deliveries; none is not an error."""
        ...

    def switch_off(self, tenant: str, url: str, *, now: float) -> None:
        """Remember that the tenant's receiver at this URL wants nothing more (410)."""
        ...

    def switch_on(self, tenant: str, url: str) -> None:
        """Forget that; not being switched off is not an error."""
        ...

    def is_switched_off(self, tenant: str, url: str) -> bool:
        """Whether `switch_off` holds for this tenant and URL."""
        ...
