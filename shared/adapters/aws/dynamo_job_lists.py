"""Lists of jobs, found through the table's indexes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import product
from typing import Any

from shared.adapters.aws.dynamo_job_items import (
    held_partition,
    newest_partition,
    recording_partition,
    status_partition,
)
from shared.adapters.aws.dynamo_records import record_of
from shared.adapters.aws.dynamo_table import DynamoTable, Item
from shared.adapters.aws.index_reader import HIGHEST, LOWEST, Range, entries, matching
from shared.adapters.aws.last_seen import LastSeen
from shared.adapters.aws.sort_keys import BEHIND, age_key, time_key
from shared.adapters.aws.table_schema import DUE, GROUP, NEWEST, SHARDS, STATUS, TURN, Index
from shared.adapters.documents import decode_cursor, encode_cursor
from shared.domain.job import Job, JobKind, Status
from shared.ports.job_store import JobPage, JobQuery

_CURSOR = "dynamo-jobs-1"

#: More than an execution ever holds: a worker has one job at a time.
_MOST_HELD = 1000


class JobLists:
    """The reading half of `DynamoJobStore`; `seen` notes the status of what is read."""

    def __init__(self, table: DynamoTable, seen: LastSeen) -> None:
        self._table = table
        self._seen = seen

    def query(self, query: JobQuery) -> JobPage:
        """A page of a tenant's jobs."""
        position = None if query.cursor is None else decode_cursor(_CURSOR, query.cursor)

        def wanted(job: Job) -> bool:
            behind = position is None or (job.created_at, job.id) < position
            return behind and _fits(query, job)

        jobs = self._matching(_ranges(query, position), wanted=wanted, limit=query.limit + 1)
        page = tuple(jobs[: query.limit])
        if len(jobs) <= query.limit or not page:
            return JobPage(jobs=page, cursor=None)
        last = page[-1]
        cursor = encode_cursor(_CURSOR, at=last.created_at, last_id=last.id)
        return JobPage(jobs=page, cursor=cursor)

    def pending(self, *, now: float, limit: int) -> tuple[Job, ...]:
        """Jobs a worker may claim now."""
        waiting = {
            "FilterExpression": "attribute_not_exists(#until) OR #until <= :now",
            "ExpressionAttributeNames": {"#until": "not_before"},
            "ExpressionAttributeValues": {":now": {"S": time_key(now)}},
        }

        def wanted(job: Job) -> bool:
            return job.status is Status.PENDING and (job.not_before or now) <= now

        jobs = self._matching(
            _shards(TURN, "pending", filtered=waiting), wanted=wanted, limit=limit
        )
        return tuple(sorted(jobs, key=lambda job: (-job.priority, job.created_at, job.id)))

    def due(self, *, now: float, limit: int) -> tuple[Job, ...]:
        """Records whose `wake_at` is not after `now`."""
        jobs = self._matching(
            _shards(DUE, "job", high=f"{time_key(now)}{BEHIND}"),
            wanted=lambda job: job.wake_at is not None and job.wake_at <= now,
            limit=limit,
        )
        return tuple(sorted(jobs, key=lambda job: (job.wake_at or 0.0, job.id)))

    def held_by(self, execution: str) -> tuple[Job, ...]:
        """Processing jobs of this execution."""
        jobs = self._matching(
            [Range(index=TURN, partition=held_partition(execution))],
            wanted=lambda job: job.status is Status.PROCESSING and job.execution == execution,
            limit=_MOST_HELD,
        )
        return tuple(sorted(jobs, key=lambda job: job.id))

    def _matching(
        self, ranges: Iterable[Range], *, wanted: Callable[[Job], bool], limit: int
    ) -> list[Job]:
        found = entries(self._table, ranges, limit=limit)
        return matching(self._table, found, load=self._load, wanted=wanted, limit=limit)

    def _load(self, item: Item) -> Job:
        return self._seen.remember(record_of(Job, item))


def _shards(index: Index, name: str, **more: Any) -> list[Range]:
    return [Range(index=index, partition=f"{name}#{shard}", **more) for shard in range(SHARDS)]


def _fits(query: JobQuery, job: Job) -> bool:
    return (
        job.tenant == query.tenant
        and query.status in (None, job.status)
        and query.kind in (None, job.kind)
        and query.recording_id in (None, job.recording_id)
        and (query.created_from is None or job.created_at >= query.created_from)
        and (query.created_to is None or job.created_at < query.created_to)
    )


def _ranges(query: JobQuery, position: tuple[float, str] | None) -> list[Range]:
    """The parts of an index to read: as few records as a query may give, hardly any more."""
    low = LOWEST if query.created_from is None else time_key(query.created_from)
    high = HIGHEST if query.created_to is None else time_key(query.created_to)
    if position is not None:
        high = min(high, age_key(*position))
    index, partitions = _partitions(query)
    return [
        Range(index=index, partition=partition, low=low, high=high, newest_first=True)
        for partition in partitions
    ]


def _partitions(query: JobQuery) -> tuple[Index, list[str]]:
    tenant = query.tenant
    if query.recording_id is not None:
        return GROUP, [recording_partition(tenant, query.recording_id)]
    if query.status is None and query.kind is None:
        return NEWEST, [newest_partition(tenant)]
    kinds = JobKind if query.kind is None else (query.kind,)
    statuses = Status if query.status is None else (query.status,)
    return STATUS, [status_partition(tenant, *pair) for pair in product(kinds, statuses)]
