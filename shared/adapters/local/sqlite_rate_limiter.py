"""The generic cell rate algorithm in SQLite.

Per key one number is kept: the theoretical arrival time (ITU-T I.371, annex A), at which the whole
burst would be there again. It is an integer of microseconds, so that sums are exact. Unix time as a
float is good to a quarter of one, so a request is let in up to one microsecond early: a client that
waits for exactly `retry_after` seconds is never sent away again.
"""

from __future__ import annotations

import sqlite3

from shared.adapters.local.database import Database
from shared.ports.rate_limiter import RateDecision, RateRule

_MICROSECONDS = 1_000_000
_IDLE_MICROSECONDS = 3600 * _MICROSECONDS  # clocks of several processes differ by far less
_EARLY_MICROSECONDS = 1
_SWEPT_PER_HIT = 2  # more than the one row that a hit can add, so the table can't grow for ever


class SqliteRateLimiter:
    """`RateLimiter` on the embedded database; a loss of power may forgive the last hits."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def hit(self, key: str, rule: RateRule, *, now: float) -> RateDecision:
        """Count one request; a refused one changes nothing."""
        now_us = round(now * _MICROSECONDS)
        interval = max(1, round(rule.window_seconds * _MICROSECONDS / rule.limit))
        capacity = interval * rule.burst
        with self._database.write(durable=False) as connection:
            arrival = max(_stored(connection, key), now_us)
            wanted = arrival + interval
            wait = wanted - capacity - now_us
            if wait > _EARLY_MICROSECONDS:
                return RateDecision(
                    allowed=False,
                    remaining=0,
                    retry_after=wait / _MICROSECONDS,
                    reset_after=(arrival - now_us) / _MICROSECONDS,
                )
            _store(connection, key, wanted)
            _sweep(connection, now_us)
        return RateDecision(
            allowed=True,
            remaining=max(0, capacity - (wanted - now_us)) // interval,
            retry_after=0.0,
            reset_after=(wanted - now_us) / _MICROSECONDS,
        )


def _stored(connection: sqlite3.Connection, key: str) -> int:
    row = connection.execute("SELECT arrival_us FROM rate_limits WHERE key = ?", (key,)).fetchone()
    return 0 if row is None else int(row[0])


def _store(connection: sqlite3.Connection, key: str, arrival_us: int) -> None:
    connection.execute(
        """
        INSERT INTO rate_limits (key, arrival_us) VALUES (?, ?)
        ON CONFLICT (key) DO UPDATE SET arrival_us = excluded.arrival_us
        """,
        (key, arrival_us),
    )


def _sweep(connection: sqlite3.Connection, now_us: int) -> None:
    """Forget keys whose burst was whole long ago: an absent row means just that."""
    connection.execute(
        """
        DELETE FROM rate_limits WHERE key IN
            (SELECT key FROM rate_limits WHERE arrival_us < ? ORDER BY arrival_us LIMIT ?)
        """,
        (now_us - _IDLE_MICROSECONDS, _SWEPT_PER_HIT),
    )
