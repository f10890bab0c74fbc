"""Which events count as taken when EventBridge takes some of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from shared.adapters.aws.event_bridge_event_bus import EventBridgeEventBus
from shared.domain.errors import Unavailable
from shared.domain.events import EventType
from shared.domain.messages import JobEvent, decode
from tests.support.aws_contracts import AwsAdapters


def event(number: int, *, tenant: str = "acme") -> JobEvent:
    return JobEvent(
        event_id=f"evt_{number}",
        type=EventType.TRANSCRIPTION_COMPLETED,
        job_id=f"job_{number}",
        tenant=tenant,
        occurred_at=1_800_000_000.5,
    )


@pytest.fixture
def aws() -> Iterator[AwsAdapters]:
    adapters = AwsAdapters()
    yield adapters
    adapters.close()


class Scripted:
    """Takes what `takes` says of each request, or raises it."""

    def __init__(self, aws: AwsAdapters, monkeypatch: pytest.MonkeyPatch) -> None:
        self.requests: list[Sequence[Mapping[str, Any]]] = []
        self.failing: dict[int, Exception] = {}
        self.refused: set[str] = set()
        monkeypatch.setattr(aws.clients.events, "put_events", self)
        self.bus = EventBridgeEventBus(aws.clients, bus="bus")

    def __call__(self, *, Entries: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:  # noqa: N803 - boto3's name
        self.requests.append(Entries)
        if len(self.requests) in self.failing:
            raise self.failing[len(self.requests)]
        answers = [
            {"ErrorCode": "InternalFailure"}
            if json.loads(entry["Detail"])["event_id"] in self.refused
            else {"EventId": "1"}
            for entry in Entries
        ]
        return {"Entries": answers, "FailedEntryCount": len(self.refused)}


@pytest.fixture
def scripted(aws: AwsAdapters, monkeypatch: pytest.MonkeyPatch) -> Scripted:
    return Scripted(aws, monkeypatch)


def test_an_event_says_what_it_is_where_rules_look(scripted: Scripted) -> None:
    scripted.bus.publish([event(1)])
    ((entry,),) = scripted.requests
    assert entry["Source"] == "tamlil"
    assert entry["DetailType"] == "transcription.completed"
    assert entry["EventBusName"] == "bus"
    assert entry["Resources"] == ["tamlil:acme:job_1"]
    assert entry["Time"].timestamp() == 1_800_000_000.5
    assert decode(JobEvent, entry["Detail"]) == event(1)


def test_events_go_in_requests_of_ten(scripted: Scripted) -> None:
    assert len(scripted.bus.publish([event(number) for number in range(23)])) == 23
    assert [len(entries) for entries in scripted.requests] == [10, 10, 3]


def test_a_request_is_never_larger_than_eventbridge_takes(scripted: Scripted) -> None:
    scripted.bus.publish([event(number, tenant="t" * 40_000) for number in range(7)])
    assert [len(entries) for entries in scripted.requests] == [3, 3, 1]


def test_an_event_that_was_refused_does_not_count_as_taken(scripted: Scripted) -> None:
    scripted.refused = {"evt_1"}
    assert scripted.bus.publish([event(0), event(1), event(2)]) == {"evt_0", "evt_2"}


def test_what_was_taken_before_the_bus_fell_silent_is_told(scripted: Scripted) -> None:
    scripted.failing = {2: ReadTimeoutError(endpoint_url="http://events.test")}
    taken = scripted.bus.publish([event(number) for number in range(23)])
    assert taken == {f"evt_{number}" for number in range(10)}
    scripted.failing = {3: ReadTimeoutError(endpoint_url="http://events.test")}
    with pytest.raises(Unavailable):
        scripted.bus.publish([event(1)])
