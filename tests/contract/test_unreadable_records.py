"""A record that can't be read hides no other, and whoever asks for it by name is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shared.domain.api_keys import ApiKey
from shared.domain.errors import Unavailable
from shared.domain.job import Status
from shared.ports.delivery_store import DeliveryQuery
from shared.ports.job_store import JobQuery
from shared.services.claim_job import claim_next
from shared.services.sweep import SweepReport, sweep
from tests.support.clock import FakeClock
from tests.support.contracts import Adapters
from tests.support.platform import make_deployment
from tests.support.records import NOW, make_delivery, make_job

IDS = ("a", "b", "c", "d")
#: The first that a list would give, and one in its midst.
DAMAGED = ("a", "c")


@pytest.fixture
def damaged(platform: Adapters) -> Adapters:
    jobs, deliveries, keys = platform.job_store(), platform.delivery_store(), platform.key_store()
    for place, name in enumerate(IDS):
        at = NOW + place
        jobs.create(make_job(name, created_at=at, wake_at=at))
        held: dict[str, Any] = {"status": Status.PROCESSING, "execution": "e"}
        jobs.create(make_job(f"held-{name}", created_at=at, **held))
        deliveries.create(make_delivery(f"evt-{name}", created_at=at, next_attempt_at=at))
        keys.add(
            ApiKey(
                id=f"key-{name}",
                tenant="acme",
                scopes=frozenset(),
                secret_hash="",
                created_at=at,
            )
        )
    for name in DAMAGED:
        for prefix in ("", "held-", "evt-", "key-"):
            platform.damage(f"{prefix}{name}")
    return platform


def test_lists_of_jobs_leave_it_out(damaged: Adapters, caplog: pytest.LogCaptureFixture) -> None:
    store = damaged.job_store()
    assert [job.id for job in store.pending(now=NOW, limit=9)] == ["b", "d"]
    assert [job.id for job in store.due(now=NOW + 9, limit=9)] == ["b", "d"]
    assert [job.id for job in store.held_by("e")] == ["held-b", "held-d"]
    page = store.query(JobQuery(tenant="acme", status=Status.PENDING))
    assert [job.id for job in page.jobs] == ["d", "b"]
    told = {record.__dict__.get("record") for record in caplog.records}
    assert told & {"a", "job#a/job"}


def test_it_takes_no_place_in_a_list(damaged: Adapters) -> None:
    store = damaged.job_store()
    assert [job.id for job in store.pending(now=NOW, limit=1)] == ["b"]
    assert [job.id for job in store.due(now=NOW + 9, limit=2)] == ["b", "d"]
    query = JobQuery(tenant="acme", status=Status.PENDING, limit=1)
    first = store.query(query)
    second = store.query(replace(query, cursor=first.cursor))
    assert [job.id for job in (*first.jobs, *second.jobs)] == ["d", "b"]
    assert second.cursor is None
    deliveries = damaged.delivery_store()
    assert [one.id for one in deliveries.due(now=NOW + 9, limit=1)] == ["evt-b"]


def test_lists_of_deliveries_leave_it_out(damaged: Adapters) -> None:
    store = damaged.delivery_store()
    assert [one.id for one in store.due(now=NOW + 9, limit=9)] == ["evt-b", "evt-d"]
    assert [one.id for one in store.due(now=NOW + 9, limit=9, tenant="acme")] == ["evt-b", "evt-d"]
    page = store.query(DeliveryQuery(tenant="acme"))
    assert [one.id for one in page.deliveries] == ["evt-d", "evt-b"]


def test_the_list_of_keys_leaves_it_out(damaged: Adapters) -> None:
    assert [key.id for key in damaged.key_store().list()] == ["key-b", "key-d"]
    assert [key.id for key in damaged.key_store().list("acme")] == ["key-b", "key-d"]


@pytest.mark.parametrize(
    "read",
    [
        lambda platform: platform.job_store().get("a"),
        lambda platform: platform.delivery_store().get("evt-a"),
        lambda platform: platform.key_store().get("key-a"),
    ],
)
def test_whoever_names_it_is_told(damaged: Adapters, read: Any) -> None:
    with pytest.raises(Unavailable) as caught:
        read(damaged)
    assert (caught.value.code, caught.value.retryable) == ("record_unreadable", False)


def test_workers_and_the_sweep_go_on_with_the_others(damaged: Adapters, tmp_path: Path) -> None:
    clock = FakeClock()
    clock.advance(len(IDS))
    with make_deployment(tmp_path / "rest", clock=clock) as deployment:
        platform = replace(deployment.platform, jobs=damaged.job_store())
        assert sweep(platform) == SweepReport(seen=2, troubled=0)
        claimed = [claim_next(platform, worker="w", execution=None) for _ in range(3)]
        assert [job.id for job in claimed if job] == ["b", "d"]
