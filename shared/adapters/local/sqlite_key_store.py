"""API keys, hashed, in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace

from shared.adapters.documents import dump, load
from shared.adapters.local.database import Database
from shared.adapters.local.rows import records
from shared.domain.api_keys import ApiKey
from shared.domain.errors import Conflict, NotFound


class SqliteKeyStore:
    """`KeyStore` on the embedded database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, key: ApiKey) -> None:
        """Store a new key or raise `Conflict`."""
        with self._database.write() as connection:
            if _find(connection, key.id) is not None:
                raise Conflict(f"an API key with id {key.id!r} exists")
            connection.execute(
                "INSERT INTO api_keys (id, tenant, created_at, document) VALUES (?, ?, ?, ?)",
                (key.id, key.tenant, key.created_at, dump(key)),
            )

    def get(self, key_id: str) -> ApiKey | None:
        """The key, revoked ones included, or None."""
        with self._database.read() as connection:
            return _find(connection, key_id)

    def list(self, tenant: str | None = None) -> Sequence[ApiKey]:
        """A tenant's keys, or all; oldest first."""
        with self._database.read() as connection:
            rows = connection.execute(
                """
                SELECT id, document FROM api_keys WHERE :tenant IS NULL OR tenant = :tenant
                ORDER BY created_at, id
                """,
                {"tenant": tenant},
            ).fetchall()
        return tuple(records(ApiKey, rows))

    def revoke(self, key_id: str, *, now: float) -> ApiKey:
        """Mark it revoked; the first revocation's time stays."""
        with self._database.write() as connection:
            key = _find(connection, key_id)
            if key is None:
                raise NotFound(f"there is no API key {key_id!r}")
            if key.revoked_at is not None:
                return key
            revoked = replace(key, revoked_at=now)
            connection.execute(
                "UPDATE api_keys SET document = ? WHERE id = ?", (dump(revoked), key_id)
            )
        return revoked


def _find(connection: sqlite3.Connection, key_id: str) -> ApiKey | None:
    row = connection.execute("SELECT document FROM api_keys WHERE id = ?", (key_id,)).fetchone()
    return None if row is None else load(ApiKey, row[0])
