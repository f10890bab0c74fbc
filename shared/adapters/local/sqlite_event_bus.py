"""Events as messages in the queues of their subscribers."""

from __future__ import annotations

from collections.abc import Sequence

from shared.adapters.local.sqlite_job_queue import SqliteJobQueue
from shared.domain.messages import JobEvent, encode


class SqliteEventBus:
    """`EventBus` that puts every event into every subscriber's queue, all in one transaction.

    The queues must be of one database.
    """

    def __init__(self, *subscribers: SqliteJobQueue) -> None:
        databases = {id(queue.database) for queue in subscribers}
        if len(databases) != 1:
            msg = "the subscribers of a bus need one common database"
            raise ValueError(msg)
        self._subscribers = subscribers
        self._database = subscribers[0].database

    def publish(self, events: Sequence[JobEvent]) -> frozenset[str]:
        """Publish all of them or, with `Unavailable`, none."""
        if events:
            with self._database.write() as connection:
                for queue in self._subscribers:
                    for event in events:
                        queue.send_within(connection, encode(event))
        return frozenset(event.event_id for event in events)
