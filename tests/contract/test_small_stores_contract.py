"""Every sentence of the ports for API keys, secrets, counters and events, for every adapter."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.domain.api_keys import ApiKey, Scope
from shared.domain.errors import Conflict, InvalidRequest, NotFound
from shared.domain.events import EventType
from shared.domain.messages import JobEvent, decode
from tests.support import racers
from tests.support.contracts import Adapters
from tests.support.races import RACES, Race
from tests.support.records import NOW


def _key(key_id: str = "key_1", tenant: str = "acme", created_at: float = NOW) -> ApiKey:
    return ApiKey(
        id=key_id,
        tenant=tenant,
        scopes=frozenset({Scope.JOBS_READ, Scope.ADMIN}),
        secret_hash="00ff",
        created_at=created_at,
        name="laptop",
        expires_at=NOW + 0.5,
    )


def test_a_key_comes_back_as_it_was_added(platform: Adapters) -> None:
    store = platform.key_store()
    store.add(_key())
    assert store.get("key_1") == _key()
    assert store.get("key_2") is None


def test_a_second_key_with_the_same_id_is_a_conflict(platform: Adapters) -> None:
    store = platform.key_store()
    store.add(_key())
    with pytest.raises(Conflict):
        store.add(_key(tenant="other"))
    assert store.get("key_1") == _key()


def test_keys_are_listed_oldest_first_revoked_ones_included(platform: Adapters) -> None:
    store = platform.key_store()
    for name, tenant, at in (("b", "acme", 2), ("a", "other", 1), ("c", "acme", 0)):
        store.add(_key(name, tenant, NOW + at))
    store.revoke("c", now=NOW + 9)
    assert [key.id for key in store.list()] == ["c", "a", "b"]
    assert [key.id for key in store.list("acme")] == ["c", "b"]
    assert list(store.list("nobody")) == []


def test_the_first_revocations_time_stays(platform: Adapters) -> None:
    store = platform.key_store()
    store.add(_key())
    assert store.revoke("key_1", now=NOW + 1) == replace(_key(), revoked_at=NOW + 1)
    assert store.revoke("key_1", now=NOW + 2).revoked_at == NOW + 1
    assert store.get("key_1") == replace(_key(), revoked_at=NOW + 1)


def test_revoking_an_unknown_key_is_not_found(platform: Adapters) -> None:
    with pytest.raises(NotFound):
        platform.key_store().revoke("key_1", now=NOW)


@pytest.mark.parametrize("race", RACES)
def test_racing_revocations_agree_on_one_time(platform: Adapters, race: Race) -> None:
    platform.key_store().add(_key())
    assert len(set(race(platform, racers.revoke_key))) == 1


def test_a_secret_has_versions_newest_first(platform: Adapters) -> None:
    store = platform.secret_store()
    assert list(store.get("hook")) == []
    store.put("hook", "one")
    store.put("other", "not mine")
    store.put("hook", "two")
    assert list(store.get("hook")) == ["two", "one"]


def test_put_keeps_at_most_so_many_versions(platform: Adapters) -> None:
    store = platform.secret_store()
    for value in ("one", "two", "three"):
        store.put("hook", value)
    assert list(store.get("hook")) == ["three", "two"]
    store.put("hook", "four", keep=1)
    assert list(store.get("hook")) == ["four"]
    store.put("hook", "five", keep=3)
    assert list(store.get("hook")) == ["five", "four"]


def test_put_if_absent_adds_only_a_first_version(platform: Adapters) -> None:
    store = platform.secret_store()
    assert store.put_if_absent("hook", "one") == "one"
    assert store.put_if_absent("hook", "two") == "one"
    store.put("hook", "three")
    assert store.put_if_absent("hook", "four") == "three"
    assert list(store.get("hook")) == ["three", "one"]


@pytest.mark.parametrize("race", RACES)
def test_racing_callers_of_put_if_absent_get_the_same_value(platform: Adapters, race: Race) -> None:
    for same_name in zip(*race(platform, racers.put_secret_if_absent), strict=True):
        assert len(set(same_name)) == 1


@pytest.mark.parametrize("race", RACES)
def test_racing_rotations_lose_no_version(platform: Adapters, race: Race) -> None:
    answers = race(platform, racers.rotate_secret)
    versions = platform.secret_store().get("rotated")
    assert len(set(versions)) == len(versions) == len(answers) * racers.ROTATIONS


def test_counters_add_up_by_name(platform: Adapters) -> None:
    store = platform.metrics_store()
    assert store.read() == {}
    store.add({"jobs": 1, 'jobs{status="failed"}': 2.5})
    store.add({"jobs": 0.25})
    store.add({})
    assert store.read() == {"jobs": 1.25, 'jobs{status="failed"}': 2.5}


@pytest.mark.parametrize("increment", [-1.0, float("nan")])
def test_a_counter_never_falls(platform: Adapters, increment: float) -> None:
    store = platform.metrics_store()
    with pytest.raises(InvalidRequest):
        store.add({"good": 1.0, "jobs": increment})
    assert store.read() == {}


@pytest.mark.parametrize("race", RACES)
def test_no_increment_is_lost(platform: Adapters, race: Race) -> None:
    store = platform.metrics_store()
    answers = race(platform, racers.count_metric)
    counters = store.read()
    assert counters["shared"] == len(answers) * racers.ROUNDS
    assert sum(counters.values()) == 2 * len(answers) * racers.ROUNDS


def _event(number: int) -> JobEvent:
    return JobEvent(
        event_id=f"evt_{number}",
        type=EventType.TRANSCRIPTION_COMPLETED,
        job_id="job_1",
        tenant="acme",
        occurred_at=NOW + 0.1,
    )


def test_every_subscriber_gets_every_event_that_the_bus_says_it_took(
    platform: Adapters,
) -> None:
    bus, queues = platform.event_bus()
    taken = bus.publish([_event(1), _event(2)])
    assert taken == {"evt_1", "evt_2"}
    for queue in queues:
        events = [decode(JobEvent, message.body) for message in queue.receive()]
        assert sorted(events, key=lambda event: event.event_id) == [_event(1), _event(2)]


def test_publishing_nothing_takes_nothing(platform: Adapters) -> None:
    bus, queues = platform.event_bus()
    assert bus.publish([]) == frozenset()
    assert [queue.depth().waiting for queue in queues] == [0, 0]


def test_a_secret_may_be_empty(platform: Adapters) -> None:
    store = platform.secret_store()
    store.put("hook", "one")
    store.put("hook", "", keep=1)
    assert list(store.get("hook")) == [""]


def test_a_secret_keeps_at_least_one_version(platform: Adapters) -> None:
    store = platform.secret_store()
    with pytest.raises(InvalidRequest):
        store.put("hook", "one", keep=0)
    assert list(store.get("hook")) == []
