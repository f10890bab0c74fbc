"""Job records in DynamoDB; docs/aws-table.md shows the keys and what each call costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from shared.adapters.aws.clients import AwsClients
from shared.adapters.aws.dynamo_job_items import (
    COUNT_KEYS,
    JOB_SORT,
    count,
    counted,
    free_key,
    job_keys,
    job_partition,
    take_key,
    unique_partition,
)
from shared.adapters.aws.dynamo_job_lists import JobLists
from shared.adapters.aws.dynamo_records import (
    IF_ABSENT,
    record_item,
    record_of,
    replacing,
    stored_version,
)
from shared.adapters.aws.dynamo_table import (
    ConditionFailed,
    DynamoTable,
    Item,
    TransactionRefused,
    key,
)
from shared.adapters.aws.index_reader import batch_get
from shared.adapters.aws.last_seen import LastSeen
from shared.domain.errors import Conflict, NotFound, Unavailable, VersionConflict
from shared.domain.job import Job, Status
from shared.ports.job_store import JobPage, JobQuery

_TRIES = 20


class DynamoJobStore:
    """`JobStore` on DynamoDB.

    A write that leaves the status as it is, such as a heartbeat, is one conditional update. One
    that changes it is a transaction with the counts of jobs by status. Which of the two it is
    depends on the stored status; the store remembers that of the records that it read, and finds
    out from a refused write otherwise.
    """

    def __init__(self, clients: AwsClients, *, table: str) -> None:
        self._table = DynamoTable(clients, table)
        self._seen = LastSeen()
        self._lists = JobLists(self._table, self._seen)

    def create(self, job: Job) -> Job:
        """Write at version 1 and take the unique keys, or return the job that holds one."""
        created = replace(job, version=1)
        unique = list(dict.fromkeys(unique_partition(one) for one in job.unique_keys))
        item = record_item(created, found_by=job_keys(created))
        item |= {"unique": {"L": [{"S": one} for one in unique]}}
        put = {"Put": {"Item": key(job_partition(job.id), JOB_SORT) | item, **IF_ABSENT}}
        takes = [take_key(one, job.id) for one in unique]
        for _ in range(_TRIES):
            try:
                self._table.transact(lambda: [put, *takes, count([(job.status, 1)])])
            except TransactionRefused as refused:
                holders = [refused.failed[place] for place in sorted(refused.failed) if place]
                if not holders:
                    raise Conflict(f"a job with id {job.id!r} exists") from refused
                if (holder := self._job_of_key(holders[0])) is not None:
                    return holder
            else:
                return self._seen.remember(created)
        raise Unavailable(f"the unique keys of job {job.id} change hands without end")

    def get(self, job_id: str) -> Job:
        """Return the record or raise `NotFound`."""
        item = self._table.get(job_partition(job_id), JOB_SORT)
        if item is None:
            raise NotFound(f"there is no job {job_id!r}")
        return self._load(item)

    def find_unique(self, key: str) -> Job | None:
        """The job that holds this unique key, or None."""
        return self._job_of_key(self._table.get(unique_partition(key), "unique"))

    def replace(self, job: Job) -> Job:
        """Write if the stored version is still `job.version`; returns it one higher."""
        written = replace(job, version=job.version + 1)
        item = record_item(written, found_by=job_keys(written))
        before = self._seen.status(job.id, job.version) or job.status
        for _ in range(2):
            stored = self._try_to_replace(job, item, before=before)
            if stored is None or stored.get("write") == item["write"]:
                return self._seen.remember(written)
            if not stored or stored_version(stored) != job.version:
                break
            before = Status(stored["status"]["S"])
        raise VersionConflict(f"job {job.id!r} is no longer at version {job.version}")

    def delete(self, job: Job) -> None:
        """Erase the record and the unique keys that it took."""
        partition = job_partition(job.id)
        stored = self._table.get(partition, JOB_SORT)
        if stored is None:
            return
        conflict = VersionConflict(f"job {job.id!r} is no longer at version {job.version}")
        if stored_version(stored) != job.version:
            raise conflict
        erase = {
            "Delete": {
                "Key": key(partition, JOB_SORT),
                "ConditionExpression": "#version = :expected",
                "ExpressionAttributeNames": {"#version": "version"},
                "ExpressionAttributeValues": {":expected": {"N": str(job.version)}},
            }
        }
        frees = [free_key(one["S"]) for one in stored["unique"]["L"]]
        status = Status(stored["status"]["S"])
        try:
            self._table.transact(lambda: [erase, *frees, count([(status, -1)])])
        except TransactionRefused as refused:
            if refused.failed[0] is not None:
                raise conflict from refused

    def query(self, query: JobQuery) -> JobPage:
        """A page of a tenant's jobs; ties of `created_at` go by id, the larger first."""
        return self._lists.query(query)

    def pending(self, *, now: float, limit: int) -> Sequence[Job]:
        """Jobs a worker may claim now: higher priority first, then older first."""
        return self._lists.pending(now=now, limit=limit)

    def due(self, *, now: float, limit: int) -> Sequence[Job]:
        """Records whose `wake_at` is not after `now`, earliest first."""
        return self._lists.due(now=now, limit=limit)

    def held_by(self, execution: str) -> Sequence[Job]:
        """Processing jobs that were claimed under this execution."""
        return self._lists.held_by(execution)

    def counts(self) -> dict[Status, int]:
        """How many records are in each status, 0 included."""
        return counted(batch_get(self._table, COUNT_KEYS).values())

    def _load(self, item: Item) -> Job:
        return self._seen.remember(record_of(Job, item))

    def _job_of_key(self, item: Item | None) -> Job | None:
        """The job that a unique key's item names; None when it has gone with its key since."""
        if item is None:
            return None
        found = self._table.get(job_partition(item["job"]["S"]), JOB_SORT)
        return None if found is None else self._load(found)

    def _try_to_replace(self, job: Job, item: Item, *, before: Status) -> Item | None:
        """Write if version and status are these: None, else what is stored ({}: nothing is)."""
        update = replacing(
            job_partition(job.id), JOB_SORT, item, version=job.version, status=before
        )
        try:
            if before is job.status:
                self._table.write(update)
            else:
                moved = [(before, -1), (job.status, 1)]
                self._table.transact(lambda: [{"Update": update}, count(moved)])
        except ConditionFailed as failed:
            return failed.item or {}
        except TransactionRefused as refused:
            return refused.failed[0] or {}
        return None
