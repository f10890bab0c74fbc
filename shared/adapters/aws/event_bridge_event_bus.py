"""Events of jobs on an EventBridge bus.

An entry's source is ``tamlil``, its detail-type the event's type, its detail the document that
`shared.domain.messages` makes of the event, and its resource names the tenant and the job, so that
rules can match on any of them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shared.adapters.aws.clients import AwsClients, translated
from shared.domain.errors import Unavailable
from shared.domain.messages import JobEvent, encode

if TYPE_CHECKING:
    from types_boto3_events.type_defs import PutEventsRequestEntryTypeDef

_log = logging.getLogger(__name__)

SOURCE = "tamlil"
_BATCH = 10
#: Of all entries of one request together.
_MOST_BYTES = 256 << 10
#: What an entry's time adds to its size.
_TIME_BYTES = 14


class EventBridgeEventBus:
    """`EventBus` on one bus."""

    def __init__(self, clients: AwsClients, *, bus: str) -> None:
        self._clients = clients
        self._bus = bus

    def publish(self, events: Sequence[JobEvent]) -> frozenset[str]:
        """Publish in batches; of a batch that is not answered none counts as taken."""
        taken: set[str] = set()
        for batch in _batches([(event, self._entry(event)) for event in events]):
            try:
                taken |= self._put(batch)
            except Unavailable:
                if not taken:
                    raise
                break  # the caller sends again what is not among these
        return frozenset(taken)

    def _put(self, batch: Sequence[tuple[JobEvent, PutEventsRequestEntryTypeDef]]) -> set[str]:
        with translated("the event bus"):
            answer = self._clients.events.put_events(Entries=[entry for _, entry in batch])
        taken = set()
        for (event, _), entry in zip(batch, answer["Entries"], strict=True):
            if entry.get("EventId"):
                taken.add(event.event_id)
            else:
                _log.warning(
                    "the event bus refused an event",
                    extra={"event_id": event.event_id, "error": entry.get("ErrorCode")},
                )
        return taken

    def _entry(self, event: JobEvent) -> PutEventsRequestEntryTypeDef:
        return {
            "EventBusName": self._bus,
            "Source": SOURCE,
            "DetailType": event.type,
            "Detail": encode(event),
            "Resources": [f"{SOURCE}:{event.tenant}:{event.job_id}"],
            "Time": datetime.fromtimestamp(event.occurred_at, UTC),
        }


def _batches(
    entries: Sequence[tuple[JobEvent, PutEventsRequestEntryTypeDef]],
) -> Iterator[list[tuple[JobEvent, PutEventsRequestEntryTypeDef]]]:
    batch: list[tuple[JobEvent, PutEventsRequestEntryTypeDef]] = []
    size = 0
    for event, entry in entries:
        length = _size(entry)
        if batch and (size + length > _MOST_BYTES or len(batch) == _BATCH):
            yield batch
            batch, size = [], 0
        batch.append((event, entry))
        size += length
    if batch:
        yield batch


def _size(entry: PutEventsRequestEntryTypeDef) -> int:
    """As EventBridge counts it."""
    texts = [entry["Source"], entry["DetailType"], entry["Detail"], *entry["Resources"]]
    return _TIME_BYTES + sum(len(text.encode()) for text in texts)
