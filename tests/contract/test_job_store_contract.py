"""Every sentence of `shared.ports.job_store`, for every adapter."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.domain.errors import Conflict, InvalidRequest, NotFound, VersionConflict
from shared.domain.job import Job, JobKind, Status
from shared.ports.job_store import JobPage, JobQuery, JobStore
from tests.support.contracts import Adapters
from tests.support.records import NOW, make_full_job, make_job


@pytest.fixture
def store(platform: Adapters) -> JobStore:
    return platform.job_store()


def _ids(jobs: JobPage | tuple[Job, ...] | list[Job]) -> list[str]:
    return [job.id for job in (jobs.jobs if isinstance(jobs, JobPage) else jobs)]


def test_every_field_comes_back_as_it_was_written(store: JobStore) -> None:
    created = store.create(make_full_job())
    assert created == replace(make_full_job(), version=1)
    assert store.get(created.id) == created
    default = store.create(make_job("job_default"))
    assert store.get("job_default") == default


def test_a_new_record_starts_at_version_1_whatever_the_caller_says(store: JobStore) -> None:
    assert store.create(make_job(version=7)).version == 1


def test_a_second_job_with_the_same_id_is_a_conflict(store: JobStore) -> None:
    store.create(make_job())
    with pytest.raises(Conflict):
        store.create(make_job(tenant="other"))
    assert store.get("job_1").tenant == "acme"


def test_create_returns_the_earlier_job_that_holds_a_unique_key(store: JobStore) -> None:
    first = store.create(make_job("job_1", unique_keys=("a", "b")))
    second = make_job("job_2", unique_keys=("c", "b"))
    assert store.create(second) == first
    with pytest.raises(NotFound):
        store.get("job_2")
    assert store.find_unique("c") is None, "nothing is written, no other key either"


def test_create_returns_the_holder_as_it_is_now(store: JobStore) -> None:
    first = store.create(make_job("job_1", unique_keys=("a",)))
    changed = store.replace(replace(first, progress=0.5))
    assert store.create(make_job("job_2", unique_keys=("a",))) == changed


def test_creating_the_same_job_again_returns_it_when_it_holds_a_unique_key(
    store: JobStore,
) -> None:
    first = store.create(make_job(unique_keys=("a",)))
    assert store.create(make_job(unique_keys=("a",))) == first


def test_a_unique_key_named_twice_is_taken_once(store: JobStore) -> None:
    created = store.create(make_job(unique_keys=("a", "a")))
    assert store.find_unique("a") == created


def test_get_of_an_unknown_job_is_not_found(store: JobStore) -> None:
    with pytest.raises(NotFound):
        store.get("job_none")


def test_find_unique_gives_the_current_record_or_none(store: JobStore) -> None:
    first = store.create(make_job(unique_keys=("a",)))
    changed = store.replace(replace(first, progress=0.5))
    assert store.find_unique("a") == changed
    assert store.find_unique("b") is None


def test_replace_writes_the_whole_record_one_version_higher(store: JobStore) -> None:
    created = store.create(make_job("job_full"))
    wanted = replace(make_full_job(), unique_keys=(), version=created.version)
    written = store.replace(wanted)
    assert written == replace(wanted, version=2)
    assert store.get("job_full") == written


def test_the_first_of_two_writers_wins(store: JobStore) -> None:
    read = store.create(make_job())
    first = store.replace(replace(read, progress=0.1))
    with pytest.raises(VersionConflict):
        store.replace(replace(read, progress=0.2))
    assert store.get("job_1") == first


def test_replacing_a_record_that_is_gone_is_a_version_conflict(store: JobStore) -> None:
    with pytest.raises(VersionConflict):
        store.replace(make_job(version=1))
    with pytest.raises(NotFound):
        store.get("job_1")


def test_replace_does_not_follow_a_change_of_unique_keys(store: JobStore) -> None:
    created = store.create(make_job(unique_keys=("a",)))
    written = store.replace(replace(created, unique_keys=("b",)))
    assert store.find_unique("a") == written
    assert store.find_unique("b") is None
    store.delete(written)
    assert store.find_unique("a") is None, "delete erases the keys that were taken"


def test_delete_erases_the_record_and_frees_its_unique_keys(store: JobStore) -> None:
    store.delete(store.create(make_job(unique_keys=("a",))))
    with pytest.raises(NotFound):
        store.get("job_1")
    assert store.create(make_job("job_2", unique_keys=("a",))).id == "job_2"


def test_delete_with_an_old_version_is_refused(store: JobStore) -> None:
    read = store.create(make_job())
    store.replace(read)
    with pytest.raises(VersionConflict):
        store.delete(read)
    assert store.get("job_1").version == 2


def test_deleting_a_record_that_is_gone_is_no_error(store: JobStore) -> None:
    read = store.create(make_job())
    store.delete(read)
    store.delete(read)


def test_query_gives_the_newest_first_and_ties_by_id(store: JobStore) -> None:
    for name, at in (("job_b", 1), ("job_c", 1), ("job_d", 0), ("job_a", 2)):
        store.create(make_job(name, created_at=NOW + at))
    assert _ids(store.query(JobQuery(tenant="acme"))) == ["job_a", "job_c", "job_b", "job_d"]


def test_query_gives_only_the_tenants_jobs(store: JobStore) -> None:
    store.create(make_job("job_1"))
    store.create(make_job("job_2", tenant="other"))
    assert _ids(store.query(JobQuery(tenant="other"))) == ["job_2"]
    assert _ids(store.query(JobQuery(tenant="nobody"))) == []


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (JobQuery(tenant="acme", status=Status.COMPLETED), ["done"]),
        (JobQuery(tenant="acme", kind=JobKind.ENHANCEMENT), ["summary"]),
        (JobQuery(tenant="acme", recording_id="r1"), ["recorded"]),
        (JobQuery(tenant="acme", created_from=NOW + 3), ["recorded"]),
        (JobQuery(tenant="acme", created_to=NOW + 1), ["plain"]),
        (JobQuery(tenant="acme", created_from=NOW + 1, created_to=NOW + 3), ["summary", "done"]),
        (JobQuery(tenant="acme", status=Status.COMPLETED, kind=JobKind.ENHANCEMENT), []),
    ],
)
def test_query_filters(store: JobStore, query: JobQuery, expected: list[str]) -> None:
    store.create(make_job("plain"))
    store.create(make_job("done", created_at=NOW + 1, status=Status.COMPLETED))
    store.create(make_job("summary", created_at=NOW + 2, kind=JobKind.ENHANCEMENT))
    store.create(make_job("recorded", created_at=NOW + 3, recording_id="r1"))
    assert _ids(store.query(query)) == expected


def test_query_follows_a_changed_status(store: JobStore) -> None:
    store.replace(replace(store.create(make_job()), status=Status.CANCELLED))
    assert _ids(store.query(JobQuery(tenant="acme", status=Status.CANCELLED))) == ["job_1"]
    assert _ids(store.query(JobQuery(tenant="acme", status=Status.PENDING))) == []


def _pages(store: JobStore, query: JobQuery) -> list[list[str]]:
    pages = [store.query(query)]
    while (cursor := pages[-1].cursor) is not None:
        pages.append(store.query(replace(query, cursor=cursor)))
    return [_ids(page) for page in pages]


def test_a_cursor_goes_on_exactly_where_a_page_ended(store: JobStore) -> None:
    times = (0.1 + 0.2, 0.3, 1, 1, 1, 2)
    for number, at in enumerate(times):
        store.create(make_job(f"job_{number}", created_at=NOW + at))
    whole = _ids(store.query(JobQuery(tenant="acme")))
    assert whole[:4] == ["job_5", "job_4", "job_3", "job_2"]
    pages = _pages(store, JobQuery(tenant="acme", limit=2))
    assert pages == [whole[:2], whole[2:4], whole[4:]], "no empty last page either"


def test_jobs_made_while_paging_move_nothing(store: JobStore) -> None:
    for number in range(4):
        store.create(make_job(f"job_{number}", created_at=NOW + number))
    first = store.query(JobQuery(tenant="acme", limit=2))
    store.create(make_job("job_new", created_at=NOW + 9))
    store.delete(store.get("job_2"))
    second = store.query(JobQuery(tenant="acme", limit=2, cursor=first.cursor))
    assert _ids(second) == ["job_1", "job_0"]
    assert second.cursor is None


def test_a_cursor_shows_no_other_tenants_jobs(store: JobStore) -> None:
    for number in range(3):
        store.create(make_job(f"job_{number}", created_at=NOW + number))
    cursor = store.query(JobQuery(tenant="acme", limit=1)).cursor
    assert store.query(JobQuery(tenant="other", cursor=cursor)).jobs == ()


#: Half of a surrogate pair as the last id; what no database takes.
HALF_PAIR = "WyJzcWxpdGUtam9icy0xIiwxLjAsIlx1ZDgwMCJd"


@pytest.mark.parametrize(
    "cursor", ["", "x", "!!", "bnVsbA", "WzEsMiwzXQ", "é", "a" * 5000, HALF_PAIR]
)
def test_a_cursor_that_is_not_the_stores_is_refused(store: JobStore, cursor: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        store.query(JobQuery(tenant="acme", cursor=cursor))
    assert caught.value.code == "invalid_cursor"


def test_pending_gives_higher_priority_first_then_older(store: JobStore) -> None:
    store.create(make_job("late", created_at=NOW + 1))
    store.create(make_job("early", created_at=NOW))
    store.create(make_job("urgent", created_at=NOW + 2, priority=5))
    store.create(make_job("lazy", created_at=NOW - 9, priority=-1))
    store.create(make_job("busy", status=Status.PROCESSING))
    assert _ids(list(store.pending(now=NOW, limit=9))) == ["urgent", "early", "late", "lazy"]
    assert _ids(list(store.pending(now=NOW, limit=2))) == ["urgent", "early"]


def test_pending_leaves_out_what_may_not_be_claimed_yet(store: JobStore) -> None:
    store.create(make_job(not_before=NOW + 5))
    assert _ids(list(store.pending(now=NOW + 4.9, limit=9))) == []
    assert _ids(list(store.pending(now=NOW + 5, limit=9))) == ["job_1"]


def test_due_gives_the_earliest_first(store: JobStore) -> None:
    for name, at in (("late", 3.0), ("early", 1.0), ("next", 2.0), ("never", None)):
        store.create(make_job(name, wake_at=None if at is None else NOW + at))
    assert _ids(list(store.due(now=NOW + 0.9, limit=9))) == []
    assert _ids(list(store.due(now=NOW + 2, limit=9))) == ["early", "next"]
    assert _ids(list(store.due(now=NOW + 9, limit=2))) == ["early", "next"]


def test_due_follows_replace(store: JobStore) -> None:
    created = store.create(make_job(wake_at=NOW))
    later = store.replace(replace(created, wake_at=NOW + 5))
    assert store.due(now=NOW, limit=9) == ()
    store.replace(replace(later, wake_at=None))
    assert store.due(now=NOW + 9, limit=9) == ()


def test_held_by_gives_the_processing_jobs_of_an_execution(store: JobStore) -> None:
    held = make_job("held", status=Status.PROCESSING, execution="e1")
    created = store.create(held)
    store.create(make_job("other", status=Status.PROCESSING, execution="e2"))
    store.create(make_job("over", status=Status.FAILED, execution="e1"))
    store.create(make_job("pending"))
    assert _ids(list(store.held_by("e1"))) == ["held"]
    assert _ids(list(store.held_by("e3"))) == []
    store.replace(replace(created, status=Status.PENDING, execution=None))
    assert _ids(list(store.held_by("e1"))) == []


def test_counts_name_every_status(store: JobStore) -> None:
    store.create(make_job("job_1"))
    store.create(make_job("job_2"))
    store.create(make_job("job_3", status=Status.FAILED))
    expected = dict.fromkeys(Status, 0) | {Status.PENDING: 2, Status.FAILED: 1}
    assert store.counts() == expected
