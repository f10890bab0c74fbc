"""A queue with a visibility timeout and a dead-letter queue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, kw_only=True, slots=True)
class Received:
    """A message in hand: invisible to others until its visibility timeout ends.

    `receipt` belongs to this receive; a later receive of the same message has another one.
    """

    id: str
    receipt: str
    body: str
    receive_count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueDepth:
    """How many messages wait, are in hand, and lie in the dead-letter queue.

    `delayed` of those that wait were sent with a delay that is not over: nobody could take them.
    `oldest_seconds` is the age of the oldest waiting message, 0.0 when none waits, None where the
    queue can't say (SQS tells only CloudWatch). Counts may lag behind by a minute.
    """

    waiting: int
    in_flight: int
    dead: int
    delayed: int = 0
    oldest_seconds: float | None = 0.0


#: For so long every queue can hold a message back (seconds): SQS does for no longer.
LONGEST_DELAY_SECONDS = 900


class JobQueue(Protocol):
    """At-least-once, unordered in principle, oldest first in practice.

    Every method raises `Unavailable` when the queue does not answer.
    """

    def send(self, body: str, *, delay_seconds: float = 0.0, group: str | None = None) -> str:
        """Enqueue; visible after the delay. Returns the message's id.

        `group` names whose message it is. A queue that knows groups hands out others' first while
        one group takes up its consumers; nothing else follows from it, no order either.

        Raises:
            LimitExceeded: code ``message_too_large`` or ``delay_too_long``: more than the queue
                takes (SQS: 1 MiB, 900 seconds).
        """
        ...

    def receive(self, *, limit: int = 10, visibility_seconds: float = 30.0) -> Sequence[Received]:
        """Take up to `limit` visible messages, each hidden for `visibility_seconds`.

        Never blocks. A message received more often than the queue's `max_receives` goes to the
        dead-letter queue instead of to the caller.
        """
        ...

    def delete(self, receipt: str) -> None:
        """Done with it. A receipt that is no longer the newest is ignored."""
        ...

    def extend(self, receipt: str, *, visibility_seconds: float) -> None:
        """Hide it for so long from now; 0 gives it back at once. A stale receipt is ignored."""
        ...

    def depth(self) -> QueueDepth:
        """Counts, for metrics and readiness."""
        ...

    def dead_letters(self, *, limit: int = 50) -> Sequence[Received]:
        """What lies in the dead-letter queue, oldest first, without taking it.

        Receipts are empty; a receive count is 0 where looking would itself be counted.
        """
        ...

    def redrive(self) -> int:
        """Move every dead letter back with a fresh receive count; returns how many."""
        ...
