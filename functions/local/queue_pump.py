"""Plays the queue trigger of a cloud: receive, hand over, delete; or give back, later to bury."""

from __future__ import annotations

import logging
from collections.abc import Callable

from shared.domain.errors import InvalidRequest, TamlilError
from shared.ports.job_queue import JobQueue, Received

_log = logging.getLogger(__name__)

_BATCH = 10
_VISIBILITY_SECONDS = 30.0
_RETRY_SECONDS = 1.0


class QueuePump:
    """Hands every message of a queue to a function.

    A message whose function raises is given back, to come again after a wait that grows with each
    receive; the queue makes it a dead letter when it has come too often. One that can't be read
    comes again at once, so that it is soon out of the way.
    """

    def __init__(self, queue: JobQueue, function: Callable[[str], object]) -> None:
        self._queue = queue
        self._function = function

    def step(self) -> bool:
        """Work off one batch; returns whether there was one.

        Raises:
            Unavailable: the queue did not answer.
        """
        batch = self._queue.receive(limit=_BATCH, visibility_seconds=_VISIBILITY_SECONDS)
        for message in batch:
            self._work_off(message)
        return bool(batch)

    def _work_off(self, message: Received) -> None:
        try:
            self._function(message.body)
        except InvalidRequest as exc:
            self._give_back(message, exc, after_seconds=0.0)
        except TamlilError as exc:
            self._give_back(message, exc, after_seconds=_RETRY_SECONDS * message.receive_count)
        else:
            self._queue.delete(message.receipt)

    def _give_back(self, message: Received, exc: TamlilError, *, after_seconds: float) -> None:
        _log.warning(
            "message given back: %s",
            exc.detail,
            extra={"message_id": message.id, "receives": message.receive_count, "code": exc.code},
        )
        self._queue.extend(message.receipt, visibility_seconds=after_seconds)
