"""Counters in SQLite."""

from __future__ import annotations

from collections.abc import Mapping

from shared.adapters.local.database import Database
from shared.domain.errors import InvalidRequest


class SqliteMetricsStore:
    """`MetricsStore` on the embedded database; a loss of power may forget the last increments."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, increments: Mapping[str, float]) -> None:
        """Add to all of these counters in one transaction.

        Raises:
            InvalidRequest: an increment is negative; a counter never falls.
        """
        falling = [name for name, increment in increments.items() if not increment >= 0.0]
        if falling:
            raise InvalidRequest(f"counters never fall: {', '.join(falling)}", field="increments")
        with self._database.write(durable=False) as connection:
            connection.executemany(
                """
                INSERT INTO counters (name, value) VALUES (?, ?)
                ON CONFLICT (name) DO UPDATE SET value = value + excluded.value
                """,
                list(increments.items()),
            )

    def read(self) -> dict[str, float]:
        """All counters."""
        with self._database.read() as connection:
            return {
                name: float(value)
                for name, value in connection.execute("SELECT name, value FROM counters")
            }
