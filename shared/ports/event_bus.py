"""Where events of jobs are published."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from shared.domain.messages import JobEvent


class EventBus(Protocol):
    """At least once to every subscriber, in no promised order."""

    def publish(self, events: Sequence[JobEvent]) -> frozenset[str]:
        """Publish; returns the ids that the bus has taken for sure, which may be fewer.

        Raises:
            Unavailable: the bus did not answer; none is known to be taken.
        """
        ...
