"""Secrets in SQLite, in clear.

What protects them is the database file's mode 0600: the services must be able to read them without
a person at hand, so a key to encrypt them with would have to lie beside them. Whoever copies the
data folder copies the secrets.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from shared.adapters.local.database import Database
from shared.domain.errors import InvalidRequest


class SqliteSecretStore:
    """`SecretStore` on the embedded database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, name: str) -> Sequence[str]:
        """All versions in force, newest first."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT value FROM secrets WHERE name = ? ORDER BY version DESC", (name,)
            ).fetchall()
        return tuple(row[0] for row in rows)

    def put(self, name: str, value: str, *, keep: int = 2) -> None:
        """Add a newest version, keeping at most `keep` (at least 1) in all."""
        if keep < 1:
            raise InvalidRequest("keep must be at least 1", field="keep")
        with self._database.write() as connection:
            version = _newest(connection, name)[0] + 1
            _add(connection, name, version, value)
            connection.execute(
                "DELETE FROM secrets WHERE name = ? AND version <= ?", (name, version - keep)
            )

    def put_if_absent(self, name: str, value: str) -> str:
        """Add a first version unless there is one; returns the newest in force."""
        with self._database.write() as connection:
            version, newest = _newest(connection, name)
            if newest is not None:
                return newest
            _add(connection, name, version + 1, value)
        return value


def _newest(connection: sqlite3.Connection, name: str) -> tuple[int, str | None]:
    row = connection.execute(
        "SELECT version, value FROM secrets WHERE name = ? ORDER BY version DESC LIMIT 1", (name,)
    ).fetchone()
    return (0, None) if row is None else (row[0], row[1])


def _add(connection: sqlite3.Connection, name: str, version: int, value: str) -> None:
    connection.execute(
        "INSERT INTO secrets (name, version, value) VALUES (?, ?, ?)", (name, version, value)
    )
