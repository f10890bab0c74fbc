"""Webhook deliveries in SQLite."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from shared.adapters.documents import decode_cursor, dump, encode_cursor, load
from shared.adapters.local.database import Database
from shared.adapters.local.rows import Row, first_records
from shared.domain.deliveries import Delivery
from shared.domain.errors import NotFound, VersionConflict
from shared.ports.delivery_store import DeliveryPage, DeliveryQuery

_CURSOR = "sqlite-deliveries-1"

# DISTINCT would read every due delivery; MIN(tenant) behind the last one is one step in the index.
_DUE_TENANTS = """
    WITH RECURSIVE waiting (tenant) AS (
        SELECT MIN(tenant) FROM deliveries WHERE wake_at IS NOT NULL AND tenant > :after
        UNION ALL
        SELECT (
            SELECT MIN(tenant) FROM deliveries
            WHERE wake_at IS NOT NULL AND tenant > waiting.tenant
        ) FROM waiting WHERE waiting.tenant IS NOT NULL
    )
    SELECT tenant FROM waiting WHERE EXISTS (
        SELECT 1 FROM deliveries
        WHERE tenant = waiting.tenant AND wake_at IS NOT NULL AND wake_at <= :now
    ) LIMIT :limit
"""


class SqliteDeliveryStore:
    """`DeliveryStore` on the embedded database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, delivery: Delivery) -> Delivery:
        """Write at version 1, or return the record that has this id."""
        created = replace(delivery, version=1)
        with self._database.write() as connection:
            row = connection.execute(
                "SELECT document FROM deliveries WHERE id = ?", (delivery.id,)
            ).fetchone()
            if row is not None:
                return load(Delivery, row[0])
            connection.execute(
                """
                INSERT INTO deliveries
                    (id, tenant, job_id, status, created_at, wake_at, version, document)
                VALUES (:id, :tenant, :job_id, :status, :created_at, :wake_at, :version, :document)
                """,
                _columns(created),
            )
        return created

    def get(self, delivery_id: str) -> Delivery:
        """Return the record or raise `NotFound`."""
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT document FROM deliveries WHERE id = ?", (delivery_id,)
            ).fetchone()
        if row is None:
            raise NotFound(f"there is no delivery {delivery_id!r}")
        return load(Delivery, row[0])

    def replace(self, delivery: Delivery) -> Delivery:
        """Write if the stored version is still `delivery.version`; returns it one higher."""
        written = replace(delivery, version=delivery.version + 1)
        with self._database.write() as connection:
            updated = connection.execute(
                """
                UPDATE deliveries SET tenant = :tenant, job_id = :job_id, status = :status,
                    created_at = :created_at, wake_at = :wake_at, version = :version,
                    document = :document
                WHERE id = :id AND version = :expected
                """,
                {**_columns(written), "expected": delivery.version},
            ).rowcount
        if not updated:
            msg = f"delivery {delivery.id!r} is no longer at version {delivery.version}"
            raise VersionConflict(msg)
        return written

    def query(self, query: DeliveryQuery) -> DeliveryPage:
        """A page of a tenant's deliveries; ties of `created_at` go by id, the larger first."""
        where, parameters = _conditions(query)
        # The conditions are fixed texts of this module; values are bound.
        sql = f"""
            SELECT id, document FROM deliveries WHERE {where}
            ORDER BY created_at DESC, id DESC LIMIT :limit
        """  # noqa: S608
        found = self._select(sql, query.limit + 1, parameters)
        page = found[: query.limit]
        if len(found) <= query.limit or not page:
            return DeliveryPage(deliveries=page, cursor=None)
        last = page[-1]
        cursor = encode_cursor(_CURSOR, at=last.created_at, last_id=last.id)
        return DeliveryPage(deliveries=page, cursor=cursor)

    def due(
        self,
        *,
        now: float,
        limit: int,
        tenant: str | None = None,
        after: Delivery | None = None,
    ) -> Sequence[Delivery]:
        """Records whose `wake_at` is not after `now`, earliest first, ties by id."""
        clauses = ["wake_at IS NOT NULL AND wake_at <= :now"]
        parameters: dict[str, Any] = {"now": now}
        if tenant is not None:
            clauses.append("tenant = :tenant")
            parameters["tenant"] = tenant
        if after is not None:
            clauses.append("(wake_at, id) > (:after_at, :after_id)")
            parameters |= {"after_at": after.wake_at, "after_id": after.id}
        # The clauses are fixed texts of this method; values are bound.
        sql = f"""
            SELECT id, document FROM deliveries WHERE {" AND ".join(clauses)}
            ORDER BY wake_at, id LIMIT :limit
        """  # noqa: S608
        return self._select(sql, limit, parameters)

    def due_tenants(self, *, now: float, limit: int, after: str = "") -> Sequence[str]:
        """Tenants that have something due, by name."""
        with self._database.read() as connection:
            rows = connection.execute(
                _DUE_TENANTS, {"now": now, "limit": limit, "after": after}
            ).fetchall()
        return tuple(row[0] for row in rows)

    def delete_for_job(self, job_id: str) -> None:
        """Erase the job's deliveries."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM deliveries WHERE job_id = ?", (job_id,))

    def switch_off(self, tenant: str, url: str, *, now: float) -> None:
        """Remember that this receiver wants nothing more; the first time stays."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO hooks_off (tenant, url, at) VALUES (?, ?, ?)",
                (tenant, url, now),
            )

    def switch_on(self, tenant: str, url: str) -> None:
        """Forget that."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM hooks_off WHERE tenant = ? AND url = ?", (tenant, url))

    def is_switched_off(self, tenant: str, url: str) -> bool:
        """Whether `switch_off` holds for this tenant and URL."""
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT 1 FROM hooks_off WHERE tenant = ? AND url = ?", (tenant, url)
            ).fetchone()
        return row is not None

    def _select(self, sql: str, limit: int, parameters: dict[str, Any]) -> tuple[Delivery, ...]:
        def rows(most: int) -> list[Row]:
            with self._database.read() as connection:
                return connection.execute(sql, {**parameters, "limit": most}).fetchall()

        return tuple(first_records(Delivery, rows, limit))


def _columns(delivery: Delivery) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "tenant": delivery.tenant,
        "job_id": delivery.job_id,
        "status": delivery.status.value,
        "created_at": delivery.created_at,
        "wake_at": delivery.wake_at,
        "version": delivery.version,
        "document": dump(delivery),
    }


def _conditions(query: DeliveryQuery) -> tuple[str, dict[str, Any]]:
    clauses = ["tenant = :tenant"]
    parameters: dict[str, Any] = {"tenant": query.tenant}
    if query.job_id is not None:
        clauses.append("job_id = :job_id")
        parameters["job_id"] = query.job_id
    if query.status is not None:
        clauses.append("status = :status")
        parameters["status"] = query.status
    if query.cursor is not None:
        at, last_id = decode_cursor(_CURSOR, query.cursor)
        clauses.append("(created_at, id) < (:after_at, :after_id)")
        parameters |= {"after_at": at, "after_id": last_id}
    return " AND ".join(clauses), parameters
