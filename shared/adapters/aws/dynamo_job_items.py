"""How a job, its unique keys and the counts of jobs lie in the table."""

from __future__ import annotations

import random
from collections.abc import Iterable

from shared.adapters.aws.dynamo_records import IF_ABSENT
from shared.adapters.aws.dynamo_table import Item, key
from shared.adapters.aws.sort_keys import age_key, fitting, shard_of, time_key, turn_key
from shared.adapters.aws.table_schema import DUE, GROUP, NEWEST, SHARDS, STATUS, TURN
from shared.domain.job import Job, JobKind, Status

JOB_SORT = "job"
COUNT_KEYS = tuple((f"count#{shard}", "count") for shard in range(SHARDS))


def job_partition(job_id: str) -> str:
    """Where a job lies, together with what belongs to it."""
    return f"job#{fitting(job_id)}"


def job_keys(job: Job) -> dict[str, str]:
    """By what the indexes find a job."""
    age = age_key(job.created_at, job.id)
    found_by = {
        NEWEST.partition: newest_partition(job.tenant),
        STATUS.partition: status_partition(job.tenant, job.kind, job.status),
        NEWEST.sort: age,
    }
    if job.recording_id is not None:
        found_by[GROUP.partition] = recording_partition(job.tenant, job.recording_id)
    if job.wake_at is not None:
        found_by[DUE.partition] = f"job#{shard_of(job.id)}"
        found_by[DUE.sort] = f"{time_key(job.wake_at)}#{fitting(job.id)}"
    if job.status is Status.PENDING:
        found_by[TURN.partition] = f"pending#{shard_of(job.id)}"
        found_by[TURN.sort] = turn_key(job.priority, job.created_at, job.id)
        if job.not_before is not None:
            found_by["not_before"] = time_key(job.not_before)
    elif job.status is Status.PROCESSING and job.execution is not None:
        found_by[TURN.partition] = held_partition(job.execution)
        found_by[TURN.sort] = age
    return found_by


def newest_partition(tenant: str) -> str:
    """A tenant's jobs."""
    return f"job#{tenant}"


def status_partition(tenant: str, kind: JobKind, status: Status) -> str:
    """A tenant's jobs of one kind in one status."""
    return f"job#{kind}#{status}#{tenant}"


def recording_partition(tenant: str, recording_id: str) -> str:
    """A tenant's jobs of one recording."""
    return f"job#{tenant}#{fitting(recording_id)}"


def held_partition(execution: str) -> str:
    """What an execution holds."""
    return f"held#{fitting(execution)}"


def unique_partition(unique_key: str) -> str:
    """Where a unique key lies."""
    return f"unique#{fitting(unique_key)}"


def take_key(partition: str, job_id: str) -> dict[str, Item]:
    """The part of a transaction that takes a unique key for a job, if nobody holds it."""
    item = key(partition, "unique") | {"job": {"S": job_id}}
    return {"Put": {"Item": item, **IF_ABSENT}}


def free_key(partition: str) -> dict[str, Item]:
    """The part of a transaction that gives a unique key back."""
    return {"Delete": {"Key": key(partition, "unique")}}


def count(changes: Iterable[tuple[Status, int]]) -> dict[str, Item]:
    """The part of a transaction that counts jobs into and out of statuses.

    Each time in one shard drawn by lot: after a conflict another is tried. A shard by itself
    means nothing and may be negative; the sum over all is the count.
    """
    changes = list(changes)
    partition, sort = random.choice(COUNT_KEYS)  # noqa: S311 - no secret
    return {
        "Update": {
            "Key": key(partition, sort),
            "UpdateExpression": "ADD " + ", ".join(f"#{s.name} :{s.name}" for s, _ in changes),
            "ExpressionAttributeNames": {f"#{s.name}": s.value for s, _ in changes},
            "ExpressionAttributeValues": {f":{s.name}": {"N": str(by)} for s, by in changes},
        }
    }


def counted(items: Iterable[Item]) -> dict[Status, int]:
    """The sums over all shards."""
    sums = dict.fromkeys(Status, 0)
    for item in items:
        for status in Status:
            sums[status] += int(item.get(status.value, {}).get("N", 0))
    return sums
