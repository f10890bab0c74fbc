"""Every sentence of `shared.ports.delivery_store`, for every adapter."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.domain.deliveries import DeliveryStatus
from shared.domain.errors import InvalidRequest, NotFound, VersionConflict
from shared.ports.delivery_store import DeliveryPage, DeliveryQuery, DeliveryStore
from tests.support import racers
from tests.support.contracts import Adapters
from tests.support.races import RACES, Race
from tests.support.records import NOW, make_delivery, make_full_delivery

URL = "https://example.org/hook"


@pytest.fixture
def store(platform: Adapters) -> DeliveryStore:
    return platform.delivery_store()


def _ids(page: DeliveryPage) -> list[str]:
    return [delivery.id for delivery in page.deliveries]


def _due(store: DeliveryStore, now: float, limit: int = 9) -> list[str]:
    return [delivery.id for delivery in store.due(now=now, limit=limit)]


def test_every_field_comes_back_and_the_version_is_1(store: DeliveryStore) -> None:
    created = store.create(make_full_delivery())
    assert created == replace(make_full_delivery(), version=1)
    assert store.get("evt_full") == created


def test_create_returns_the_record_with_this_id_unchanged(store: DeliveryStore) -> None:
    first = store.create(make_delivery())
    locked = store.replace(replace(first, locked_until=NOW + 9))
    assert store.create(make_delivery(url="https://other.example")) == locked
    assert store.get("evt_1") == locked


def test_get_of_an_unknown_delivery_is_not_found(store: DeliveryStore) -> None:
    with pytest.raises(NotFound):
        store.get("evt_none")


def test_the_first_of_two_writers_wins(store: DeliveryStore) -> None:
    read = store.create(make_delivery())
    first = store.replace(replace(make_full_delivery("evt_1"), version=1))
    assert first == replace(make_full_delivery("evt_1"), version=2)
    with pytest.raises(VersionConflict):
        store.replace(read)
    assert store.get("evt_1") == first


def test_replacing_a_record_that_is_gone_is_a_version_conflict(store: DeliveryStore) -> None:
    with pytest.raises(VersionConflict):
        store.replace(make_delivery(version=1))
    with pytest.raises(NotFound):
        store.get("evt_1")


def test_query_gives_only_the_tenants_deliveries_newest_first_ties_by_id(
    store: DeliveryStore,
) -> None:
    for name, at in (("b", 1), ("c", 1), ("d", 0), ("a", 2)):
        store.create(make_delivery(name, created_at=NOW + at))
    store.create(make_delivery("x", tenant="other"))
    assert _ids(store.query(DeliveryQuery(tenant="acme"))) == ["a", "c", "b", "d"]
    assert _ids(store.query(DeliveryQuery(tenant="nobody"))) == []


def test_query_filters_by_job_and_status(store: DeliveryStore) -> None:
    store.create(make_delivery("a"))
    store.create(make_delivery("b", job_id="job_2"))
    store.create(make_delivery("c", status=DeliveryStatus.FAILED, next_attempt_at=None))
    assert _ids(store.query(DeliveryQuery(tenant="acme", job_id="job_2"))) == ["b"]
    failed = DeliveryQuery(tenant="acme", status=DeliveryStatus.FAILED)
    assert _ids(store.query(failed)) == ["c"]
    assert _ids(store.query(replace(failed, job_id="job_2"))) == []


def test_a_cursor_goes_on_exactly_where_a_page_ended(store: DeliveryStore) -> None:
    for number, at in enumerate((0.1 + 0.2, 0.3, 1, 1, 1, 2)):
        store.create(make_delivery(f"evt_{number}", created_at=NOW + at))
    query = DeliveryQuery(tenant="acme", limit=2)
    pages = [store.query(query)]
    while (cursor := pages[-1].cursor) is not None:
        pages.append(store.query(replace(query, cursor=cursor)))
    whole = _ids(store.query(DeliveryQuery(tenant="acme")))
    assert [_ids(page) for page in pages] == [whole[:2], whole[2:4], whole[4:]]


def test_a_cursor_that_is_not_the_stores_is_refused(
    platform: Adapters, store: DeliveryStore
) -> None:
    for cursor in ("", "x", "!!", "bnVsbA", "WzEsMiwzXQ", "é"):
        with pytest.raises(InvalidRequest) as caught:
            store.query(DeliveryQuery(tenant="acme", cursor=cursor))
        assert caught.value.code == "invalid_cursor"


def test_due_gives_the_earliest_first_and_follows_replace(store: DeliveryStore) -> None:
    for name, at in (("late", 3), ("early", 1), ("next", 2)):
        store.create(make_delivery(name, next_attempt_at=NOW + at))
    store.create(make_delivery("over", next_attempt_at=None))
    assert _due(store, NOW + 0.9) == []
    assert _due(store, NOW + 2) == ["early", "next"]
    assert _due(store, NOW + 9, limit=1) == ["early"]
    store.replace(replace(store.get("early"), locked_until=NOW + 5))
    assert _due(store, NOW + 4) == ["next", "late"]
    assert _due(store, NOW + 5) == ["next", "late", "early"]
    store.replace(replace(store.get("next"), next_attempt_at=None))
    assert _due(store, NOW + 5) == ["late", "early"]


def test_due_of_a_tenant_gives_only_its_deliveries(store: DeliveryStore) -> None:
    for name, tenant, at in (("a", "acme", 2), ("b", "acme", 1), ("c", "globex", 0)):
        store.create(make_delivery(name, tenant=tenant, next_attempt_at=NOW + at))
    assert [d.id for d in store.due(now=NOW + 9, limit=9, tenant="acme")] == ["b", "a"]
    assert [d.id for d in store.due(now=NOW + 1, limit=9, tenant="acme")] == ["b"]
    assert [d.id for d in store.due(now=NOW + 9, limit=9, tenant="globex")] == ["c"]
    assert store.due(now=NOW + 9, limit=9, tenant="nobody") == ()


@pytest.mark.parametrize("tenant", [None, "acme"])
def test_due_goes_on_behind_a_record_ties_by_id(store: DeliveryStore, tenant: str | None) -> None:
    for number, at in enumerate((0.1 + 0.2, 1, 1, 1, 2)):
        store.create(make_delivery(f"evt_{number}", next_attempt_at=NOW + at))
    found: list[str] = []
    page = store.due(now=NOW + 9, limit=2, tenant=tenant)
    while page:
        found += [delivery.id for delivery in page]
        page = store.due(now=NOW + 9, limit=2, tenant=tenant, after=page[-1])
    assert found == ["evt_0", "evt_1", "evt_2", "evt_3", "evt_4"]


def test_due_goes_on_behind_a_record_that_is_gone_or_no_longer_due(store: DeliveryStore) -> None:
    first = store.create(make_delivery("a"))
    store.create(make_delivery("b", job_id="job_2"))
    store.replace(replace(first, next_attempt_at=None))
    assert [d.id for d in store.due(now=NOW, limit=9, after=first)] == ["b"]
    store.delete_for_job("job_1")
    assert [d.id for d in store.due(now=NOW, limit=9, after=first)] == ["b"]


def test_due_tenants_names_each_tenant_with_something_due_once(store: DeliveryStore) -> None:
    for number, tenant in enumerate(("b", "a", "b", "Z", "a-1", "c", "d")):
        later = 5 if tenant == "c" else 0
        over = tenant == "d"
        store.create(
            make_delivery(
                f"evt_{number}", tenant=tenant, next_attempt_at=None if over else NOW + later
            )
        )
    assert store.due_tenants(now=NOW - 1, limit=9) == ()
    assert store.due_tenants(now=NOW, limit=9) == ("Z", "a", "a-1", "b")
    assert store.due_tenants(now=NOW + 5, limit=9) == ("Z", "a", "a-1", "b", "c")
    assert store.due_tenants(now=NOW + 5, limit=2) == ("Z", "a")
    assert store.due_tenants(now=NOW + 5, limit=2, after="a") == ("a-1", "b")
    assert store.due_tenants(now=NOW + 5, limit=9, after="a-0") == ("a-1", "b", "c")
    assert store.due_tenants(now=NOW + 5, limit=9, after="c") == ()


def test_due_tenants_follows_replace(store: DeliveryStore) -> None:
    created = store.create(make_delivery())
    locked = store.replace(replace(created, locked_until=NOW + 5))
    assert store.due_tenants(now=NOW, limit=9) == ()
    assert store.due_tenants(now=NOW + 5, limit=9) == ("acme",)
    store.replace(replace(locked, next_attempt_at=None))
    assert store.due_tenants(now=NOW + 5, limit=9) == ()


def test_delete_for_job_erases_that_jobs_deliveries_only(store: DeliveryStore) -> None:
    store.create(make_delivery("a"))
    store.create(make_delivery("b"))
    store.create(make_delivery("c", job_id="job_2"))
    store.create(make_delivery("d", job_id=None))
    store.delete_for_job("job_1")
    store.delete_for_job("job_none")
    assert sorted(_ids(store.query(DeliveryQuery(tenant="acme")))) == ["c", "d"]


def test_a_hook_is_switched_off_for_one_tenant_and_url(store: DeliveryStore) -> None:
    assert not store.is_switched_off("acme", URL)
    store.switch_off("acme", URL, now=NOW)
    store.switch_off("acme", URL, now=NOW + 1)
    assert store.is_switched_off("acme", URL)
    assert not store.is_switched_off("other", URL)
    assert not store.is_switched_off("acme", URL + "2")
    store.switch_on("acme", URL)
    store.switch_on("acme", URL)
    assert not store.is_switched_off("acme", URL)


@pytest.mark.parametrize("race", RACES)
def test_each_version_is_written_by_one_of_the_racing_deliverers(
    platform: Adapters, race: Race
) -> None:
    platform.delivery_store().create(make_delivery())
    won = sum(race(platform, racers.lock_delivery))
    assert won >= 1
    assert platform.delivery_store().get("evt_1").version == 1 + won


@pytest.mark.parametrize("race", RACES)
def test_of_racing_creates_one_writes_and_all_get_its_record(
    platform: Adapters, race: Race
) -> None:
    for urls in zip(*race(platform, racers.create_delivery), strict=True):
        assert len(set(urls)) == 1
