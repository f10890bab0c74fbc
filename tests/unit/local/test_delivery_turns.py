from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from functions.local.delivery_turns import PAGE, TENANTS, DeliveryTurns, Lane, Shares, lane_of
from shared.domain.deliveries import Delivery
from shared.ports.delivery_store import DeliveryStore
from tests.support.platform import make_deployment
from tests.support.records import NOW, make_delivery

SHARES = Shares(senders=8, tenant=4, receiver=2)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DeliveryStore]:
    with make_deployment(tmp_path) as deployment:
        yield deployment.platform.deliveries


def add(store: DeliveryStore, tenant: str, *hosts: str, at: float = 0.0) -> None:
    """Deliveries that are due one after the other."""
    for number, host in enumerate(hosts):
        name = f"{tenant}-{at:05.0f}-{number:05}"
        url = f"https://{host}/hook"
        store.create(make_delivery(name, tenant=tenant, url=url, next_attempt_at=NOW + at))


class Sending:
    """What is in hand; every receiver whose name begins with ``hang`` never answers."""

    def __init__(self, store: DeliveryStore, shares: Shares = SHARES) -> None:
        self.store = store
        self.turns = DeliveryTurns(store, shares)
        self.busy: dict[str, Lane] = {}
        self.begun: list[str] = []

    def step(self) -> list[Delivery]:
        """Begin what is chosen; whoever answers has answered by the next step."""
        chosen = self.turns.choose(now=NOW + 1000, busy=self.busy)
        for delivery in chosen:
            self.begun.append(delivery.tenant)
            lane = lane_of(delivery)
            if lane.receiver.startswith("hang"):
                self.busy[delivery.id] = lane
            else:
                self.store.replace(replace(delivery, next_attempt_at=None))
        return chosen


def test_one_tenants_hanging_receivers_hold_up_no_other_tenant(store: DeliveryStore) -> None:
    add(store, "evil", *[f"hang-{number}.example" for number in range(80)])
    add(store, "good", "quick.example", at=500)
    sending = Sending(store)
    assert "good" in [delivery.tenant for delivery in sending.step()]
    for _ in range(50):
        sending.step()
    assert Counter(lane.tenant for lane in sending.busy.values()) == {"evil": SHARES.tenant}


def test_a_tenants_hanging_receiver_does_not_hold_up_its_others(store: DeliveryStore) -> None:
    add(store, "acme", *["hang.example"] * (PAGE * 5))
    add(store, "acme", "quick.example", at=500)
    sending = Sending(store)
    looks = 0
    while not any(delivery.url == "https://quick.example/hook" for delivery in sending.step()):
        looks += 1
        assert looks < 10
    assert len(sending.busy) == SHARES.receiver


def test_a_receiver_of_several_tenants_is_not_used_up_by_one(store: DeliveryStore) -> None:
    """A host that all use, such as an automation service, hangs for the paths of one."""
    add(store, "evil", *["hang-shared.example"] * 20)
    add(store, "good", "hang-shared.example", at=500)
    sending = Sending(store)
    sending.step()
    assert Lane(tenant="good", receiver="hang-shared.example") in sending.busy.values()


def test_by_default_four_tenants_whose_receivers_hang_are_needed_to_use_up_the_senders() -> None:
    shares = Shares()
    assert 4 * shares.tenant <= shares.senders
    assert 2 * shares.receiver <= shares.tenant


def test_another_port_is_another_receiver() -> None:
    lanes = {
        lane_of(make_delivery(url=url)).receiver
        for url in ("https://A.example/x", "https://a.example:443/", "https://a.example:444/")
    }
    assert lanes == {"a.example", "a.example:444"}
    assert lane_of(make_delivery(url="http://a:port/")).receiver == "http://a:port/"


def test_tenants_take_turns_whoever_has_the_longer_list(store: DeliveryStore) -> None:
    add(store, "b-long", *["quick.example"] * 100)
    for tenant in ("a", "c", "d"):
        add(store, tenant, *["quick.example"] * 4, at=500)
    sending = Sending(store, Shares(senders=2, tenant=2, receiver=2))
    while len(sending.begun) < 16:
        assert sending.step()
    assert Counter(sending.begun) == {"a": 4, "b-long": 4, "c": 4, "d": 4}


def test_more_tenants_than_one_look_sees_all_get_their_turn(store: DeliveryStore) -> None:
    names = [f"tenant-{number:03}" for number in range(TENANTS * 3)]
    for name in names:
        add(store, name, "quick.example", "quick.example")
    sending = Sending(store)
    while len(set(sending.begun)) < len(names):
        assert sending.step()
    assert set(Counter(sending.begun).values()) == {1}


def test_tenants_behind_many_that_can_do_nothing_get_their_turn(store: DeliveryStore) -> None:
    busy: dict[str, Lane] = {}
    for number in range(TENANTS * 2):
        add(store, f"a-{number:03}", "hang.example")
        busy[f"x-{number}"] = Lane(tenant=f"a-{number:03}", receiver="hang.example")
    add(store, "b", "quick.example", at=500)
    turns = DeliveryTurns(store, Shares(senders=100, tenant=1, receiver=1))
    looks = [turns.choose(now=NOW + 1000, busy=busy) for _ in range(3)]
    assert [delivery.tenant for look in looks for delivery in look] == ["b"]


def test_one_receivers_deliveries_keep_their_order(store: DeliveryStore) -> None:
    add(store, "acme", *["quick.example"] * (PAGE + 5))
    sending = Sending(store)
    order: list[str] = []
    while found := sending.step():
        assert len(found) <= SHARES.receiver
        order += [delivery.id for delivery in found]
    assert order == sorted(order)
    assert len(order) == PAGE + 5


def test_what_is_in_hand_is_not_begun_again_and_no_room_means_no_question(
    store: DeliveryStore,
) -> None:
    add(store, "acme", "hang.example", "hang-2.example")
    sending = Sending(store, Shares(senders=2, tenant=2, receiver=2))
    assert len(sending.step()) == 2
    assert sending.step() == []
    assert len(sending.busy) == 2
