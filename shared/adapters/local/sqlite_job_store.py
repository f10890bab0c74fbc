"""Job records in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from shared.adapters.documents import decode_cursor, dump, encode_cursor, load
from shared.adapters.local.database import Database
from shared.adapters.local.rows import Row, first_records, records
from shared.domain.errors import Conflict, NotFound, VersionConflict
from shared.domain.job import Job, Status
from shared.ports.job_store import JobPage, JobQuery

_CURSOR = "sqlite-jobs-1"


class SqliteJobStore:
    """`JobStore` on the embedded database; every write is one immediate transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, job: Job) -> Job:
        """Write at version 1 and take the unique keys, or return the job that holds one."""
        with self._database.write() as connection:
            for key in job.unique_keys:
                holder = _find_unique(connection, key)
                if holder is not None:
                    return holder
            if _stored_version(connection, job.id) is not None:
                raise Conflict(f"a job with id {job.id!r} exists")
            created = replace(job, version=1)
            _insert(connection, created)
        return created

    def get(self, job_id: str) -> Job:
        """Return the record or raise `NotFound`."""
        with self._database.read() as connection:
            row = connection.execute("SELECT document FROM jobs WHERE id = ?", (job_id,)).fetchone()
        if row is None:
            raise NotFound(f"there is no job {job_id!r}")
        return load(Job, row[0])

    def find_unique(self, key: str) -> Job | None:
        """The job that holds this unique key, or None."""
        with self._database.read() as connection:
            return _find_unique(connection, key)

    def replace(self, job: Job) -> Job:
        """Write if the stored version is still `job.version`; returns it one higher."""
        written = replace(job, version=job.version + 1)
        columns = {**_columns(written), "expected": job.version}
        with self._database.write() as connection:
            updated = connection.execute(
                """
                UPDATE jobs SET tenant = :tenant, status = :status, kind = :kind,
                    recording_id = :recording_id, created_at = :created_at,
                    priority = :priority, execution = :execution, not_before = :not_before,
                    wake_at = :wake_at, version = :version, document = :document
                WHERE id = :id AND version = :expected
                """,
                columns,
            ).rowcount
        if not updated:
            raise VersionConflict(f"job {job.id!r} is no longer at version {job.version}")
        return written

    def delete(self, job: Job) -> None:
        """Erase the record; its unique keys go with it (ON DELETE CASCADE)."""
        with self._database.write() as connection:
            version = _stored_version(connection, job.id)
            if version is not None and version != job.version:
                raise VersionConflict(f"job {job.id!r} is no longer at version {job.version}")
            connection.execute("DELETE FROM jobs WHERE id = ?", (job.id,))

    def query(self, query: JobQuery) -> JobPage:
        """A page of a tenant's jobs; ties of `created_at` go by id, the larger first."""
        where, parameters = _conditions(query)
        # The conditions are fixed texts of this module; values are bound.
        sql = f"""
            SELECT id, document FROM jobs WHERE {where}
            ORDER BY created_at DESC, id DESC LIMIT :limit
        """  # noqa: S608
        found = self._select(sql, query.limit + 1, **parameters)
        jobs = found[: query.limit]
        if len(found) <= query.limit or not jobs:
            return JobPage(jobs=jobs, cursor=None)
        last = jobs[-1]
        return JobPage(
            jobs=jobs, cursor=encode_cursor(_CURSOR, at=last.created_at, last_id=last.id)
        )

    def pending(self, *, now: float, limit: int) -> Sequence[Job]:
        """Jobs a worker may claim now: higher priority first, then older first."""
        return self._select(
            """
            SELECT id, document FROM jobs
            WHERE status = 'pending' AND (not_before IS NULL OR not_before <= :now)
            ORDER BY priority DESC, created_at, id LIMIT :limit
            """,
            limit,
            now=now,
        )

    def due(self, *, now: float, limit: int) -> Sequence[Job]:
        """Records whose `wake_at` is not after `now`, earliest first."""
        return self._select(
            """
            SELECT id, document FROM jobs WHERE wake_at IS NOT NULL AND wake_at <= :now
            ORDER BY wake_at, id LIMIT :limit
            """,
            limit,
            now=now,
        )

    def held_by(self, execution: str) -> Sequence[Job]:
        """Processing jobs that were claimed under this execution."""
        with self._database.read() as connection:
            rows = connection.execute(
                """
                SELECT id, document FROM jobs
                WHERE status = 'processing' AND execution IS NOT NULL AND execution = :execution
                ORDER BY id
                """,
                {"execution": execution},
            ).fetchall()
        return tuple(records(Job, rows))

    def counts(self) -> dict[Status, int]:
        """How many records are in each status, 0 included."""
        with self._database.read() as connection:
            rows = connection.execute("SELECT status, count(*) FROM jobs GROUP BY status")
            found = {Status(status): int(count) for status, count in rows}
        return {status: found.get(status, 0) for status in Status}

    def _select(self, sql: str, limit: int, **parameters: Any) -> tuple[Job, ...]:
        def rows(most: int) -> list[Row]:
            with self._database.read() as connection:
                return connection.execute(sql, {**parameters, "limit": most}).fetchall()

        return tuple(first_records(Job, rows, limit))


def _columns(job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "tenant": job.tenant,
        "status": job.status.value,
        "kind": job.kind.value,
        "recording_id": job.recording_id,
        "created_at": job.created_at,
        "priority": job.priority,
        "execution": job.execution,
        "not_before": job.not_before,
        "wake_at": job.wake_at,
        "version": job.version,
        "document": dump(job),
    }


def _insert(connection: sqlite3.Connection, job: Job) -> None:
    connection.execute(
        """
        INSERT INTO jobs (id, tenant, status, kind, recording_id, created_at, priority,
            execution, not_before, wake_at, version, document)
        VALUES (:id, :tenant, :status, :kind, :recording_id, :created_at, :priority,
            :execution, :not_before, :wake_at, :version, :document)
        """,
        _columns(job),
    )
    connection.executemany(
        "INSERT INTO job_keys (unique_key, job_id) VALUES (?, ?)",
        [(key, job.id) for key in dict.fromkeys(job.unique_keys)],
    )


def _find_unique(connection: sqlite3.Connection, key: str) -> Job | None:
    row = connection.execute(
        """
        SELECT document FROM job_keys JOIN jobs ON jobs.id = job_keys.job_id
        WHERE unique_key = ?
        """,
        (key,),
    ).fetchone()
    return None if row is None else load(Job, row[0])


def _stored_version(connection: sqlite3.Connection, job_id: str) -> int | None:
    row = connection.execute("SELECT version FROM jobs WHERE id = ?", (job_id,)).fetchone()
    return None if row is None else int(row[0])


def _conditions(query: JobQuery) -> tuple[str, dict[str, Any]]:
    wanted: dict[str, tuple[str, Any]] = {
        "tenant": ("tenant = :tenant", query.tenant),
        "status": ("status = :status", query.status),
        "kind": ("kind = :kind", query.kind),
        "recording_id": ("recording_id = :recording_id", query.recording_id),
        "created_from": ("created_at >= :created_from", query.created_from),
        "created_to": ("created_at < :created_to", query.created_to),
    }
    given = {name: pair for name, pair in wanted.items() if pair[1] is not None}
    clauses = [clause for clause, _ in given.values()]
    parameters = {name: value for name, (_, value) in given.items()}
    if query.cursor is not None:
        at, last_id = decode_cursor(_CURSOR, query.cursor)
        clauses.append("(created_at, id) < (:after_at, :after_id)")
        parameters |= {"after_at": at, "after_id": last_id}
    return " AND ".join(clauses), parameters
