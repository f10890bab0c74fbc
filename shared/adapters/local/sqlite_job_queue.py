"""Named queues in one SQLite table (see docs/adr/0002-sqlite-queue.md)."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Sequence
from typing import Any

from shared.adapters.local.database import Database
from shared.ports.clock import Clock
from shared.ports.job_queue import QueueDepth, Received


class SqliteJobQueue:
    """`JobQueue` on the embedded database.

    Messages come in the order in which they became visible, so one that keeps failing waits
    behind the others. Only `send` and `redrive` wait for the disk: losing a receive or a delete
    with the power means that a message is delivered again, which "at least once" allows.
    """

    def __init__(
        self, database: Database, *, name: str, clock: Clock, max_receives: int = 5
    ) -> None:
        self.name = name
        self.database = database
        self._clock = clock
        self._max_receives = max_receives

    def send(self, body: str, *, delay_seconds: float = 0.0, group: str | None = None) -> str:
        """Enqueue; visible after the delay. Returns the message's id. It knows no groups."""
        del group  # who sends from here takes turns by itself (functions.local.delivery_turns)
        with self.database.write() as connection:
            return self.send_within(connection, body, delay_seconds=delay_seconds)

    def send_within(
        self, connection: sqlite3.Connection, body: str, *, delay_seconds: float = 0.0
    ) -> str:
        """Enqueue as part of the caller's transaction on the same database."""
        message_id = uuid.uuid4().hex
        now = self._clock.now()
        connection.execute(
            """
            INSERT INTO messages (id, queue, body, sent_at, visible_at) VALUES (?, ?, ?, ?, ?)
            """,
            (message_id, self.name, body, now, now + max(delay_seconds, 0.0)),
        )
        return message_id

    def receive(self, *, limit: int = 10, visibility_seconds: float = 30.0) -> Sequence[Received]:
        """Take visible messages; those received too often already become dead letters."""
        now = self._clock.now()
        if not self._anything_visible(now):  # an idle poll takes no write lock
            return ()
        with self.database.write(durable=False) as connection:
            self._bury(connection, now)
            rows = connection.execute(
                """
                SELECT seq, id, body, receive_count + 1 FROM messages
                WHERE queue = ? AND dead_at IS NULL AND visible_at <= ?
                ORDER BY visible_at, seq LIMIT ?
                """,
                (self.name, now, limit),
            ).fetchall()
            taken = [(uuid.uuid4().hex, row) for row in rows]
            connection.executemany(
                "UPDATE messages SET receipt = ?, receive_count = ?, visible_at = ? WHERE seq = ?",
                [
                    (receipt, count, now + visibility_seconds, seq)
                    for receipt, (seq, _, _, count) in taken
                ],
            )
        return tuple(
            Received(id=message_id, receipt=receipt, body=body, receive_count=count)
            for receipt, (_, message_id, body, count) in taken
        )

    def delete(self, receipt: str) -> None:
        """Done with it; a stale receipt matches no row."""
        with self.database.write(durable=False) as connection:
            connection.execute(
                "DELETE FROM messages WHERE receipt = ? AND queue = ?", (receipt, self.name)
            )

    def extend(self, receipt: str, *, visibility_seconds: float) -> None:
        """Hide it for so long from now; a stale receipt matches no row."""
        with self.database.write(durable=False) as connection:
            connection.execute(
                "UPDATE messages SET visible_at = ? WHERE receipt = ? AND queue = ?",
                (self._clock.now() + visibility_seconds, receipt, self.name),
            )

    def depth(self) -> QueueDepth:
        """Counts; a message that is delayed and was never received counts as waiting."""
        now = self._clock.now()
        in_flight = "receipt IS NOT NULL AND visible_at > :now"
        # The condition is a fixed text of this function; values are bound.
        sql = f"""
            SELECT count(*) FILTER (WHERE dead_at IS NULL AND NOT ({in_flight})),
                count(*) FILTER (WHERE dead_at IS NULL AND {in_flight}),
                count(*) FILTER (WHERE dead_at IS NOT NULL),
                count(*) FILTER (WHERE dead_at IS NULL AND receipt IS NULL AND visible_at > :now),
                min(sent_at) FILTER (WHERE dead_at IS NULL AND NOT ({in_flight}))
            FROM messages WHERE queue = :queue
        """  # noqa: S608
        row: Any
        with self.database.read() as connection:
            row = connection.execute(sql, {"now": now, "queue": self.name}).fetchone()
        waiting, taken, dead, delayed, oldest = row
        age = 0.0 if oldest is None else max(0.0, now - oldest)
        return QueueDepth(
            waiting=waiting, in_flight=taken, dead=dead, delayed=delayed, oldest_seconds=age
        )

    def dead_letters(self, *, limit: int = 50) -> Sequence[Received]:
        """Dead letters by the time they were sent. None is taken, so their receipt is empty."""
        with self.database.read() as connection:
            rows = connection.execute(
                """
                SELECT id, body, receive_count FROM messages
                WHERE queue = ? AND dead_at IS NOT NULL ORDER BY seq LIMIT ?
                """,
                (self.name, limit),
            ).fetchall()
        return tuple(
            Received(id=message_id, receipt="", body=body, receive_count=count)
            for message_id, body, count in rows
        )

    def redrive(self) -> int:
        """Move every dead letter back with a fresh receive count; returns how many."""
        with self.database.write() as connection:
            return connection.execute(
                """
                UPDATE messages SET dead_at = NULL, receive_count = 0, visible_at = ?
                WHERE queue = ? AND dead_at IS NOT NULL
                """,
                (self._clock.now(), self.name),
            ).rowcount

    def _anything_visible(self, now: float) -> bool:
        with self.database.read() as connection:
            row = connection.execute(
                """
                SELECT 1 FROM messages
                WHERE queue = ? AND dead_at IS NULL AND visible_at <= ? LIMIT 1
                """,
                (self.name, now),
            ).fetchone()
        return row is not None

    def _bury(self, connection: sqlite3.Connection, now: float) -> None:
        """Dead letters lose their receipt: a slow consumer can't delete them any more."""
        connection.execute(
            """
            UPDATE messages SET dead_at = ?, receipt = NULL
            WHERE queue = ? AND dead_at IS NULL AND visible_at <= ? AND receive_count >= ?
            """,
            (now, self.name, now, self._max_receives),
        )
