"""The tables of the embedded database, as migrations.

Only what is searched by is a column of its own; the record itself is a JSON document, so that a
new field needs no migration. The SQL stays within SQLite 3.31 (no RETURNING, no STRICT tables),
because Python uses the system's library on many distributions.
"""

from __future__ import annotations

_FIRST = (
    """
    CREATE TABLE jobs (
        id TEXT PRIMARY KEY,
        tenant TEXT NOT NULL,
        status TEXT NOT NULL,
        kind TEXT NOT NULL,
        recording_id TEXT,
        created_at REAL NOT NULL,
        priority INTEGER NOT NULL,
        execution TEXT,
        not_before REAL,
        wake_at REAL,
        version INTEGER NOT NULL,
        document TEXT NOT NULL
    )
    """,
    "CREATE INDEX jobs_newest ON jobs (tenant, created_at DESC, id DESC)",
    "CREATE INDEX jobs_newest_of_status ON jobs (tenant, status, created_at DESC, id DESC)",
    """
    CREATE INDEX jobs_of_recording ON jobs (tenant, recording_id, created_at DESC, id DESC)
        WHERE recording_id IS NOT NULL
    """,
    "CREATE INDEX jobs_by_turn ON jobs (status, priority DESC, created_at, id)",
    """
    CREATE INDEX jobs_held ON jobs (execution, id)
        WHERE status = 'processing' AND execution IS NOT NULL
    """,
    "CREATE INDEX jobs_due ON jobs (wake_at, id) WHERE wake_at IS NOT NULL",
    """
    CREATE TABLE job_keys (
        unique_key TEXT PRIMARY KEY,
        job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE
    ) WITHOUT ROWID
    """,
    "CREATE INDEX job_keys_of_job ON job_keys (job_id)",
    """
    CREATE TABLE deliveries (
        id TEXT PRIMARY KEY,
        tenant TEXT NOT NULL,
        job_id TEXT,
        status TEXT NOT NULL,
        created_at REAL NOT NULL,
        wake_at REAL,
        version INTEGER NOT NULL,
        document TEXT NOT NULL
    )
    """,
    "CREATE INDEX deliveries_newest ON deliveries (tenant, created_at DESC, id DESC)",
    "CREATE INDEX deliveries_of_job ON deliveries (job_id)",
    "CREATE INDEX deliveries_due ON deliveries (wake_at, id) WHERE wake_at IS NOT NULL",
    """
    CREATE TABLE hooks_off (
        tenant TEXT NOT NULL,
        url TEXT NOT NULL,
        at REAL NOT NULL,
        PRIMARY KEY (tenant, url)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE messages (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        queue TEXT NOT NULL,
        body TEXT NOT NULL,
        sent_at REAL NOT NULL,
        visible_at REAL NOT NULL,
        receive_count INTEGER NOT NULL DEFAULT 0,
        receipt TEXT,
        dead_at REAL
    )
    """,
    """
    CREATE INDEX messages_waiting ON messages (queue, visible_at, seq) WHERE dead_at IS NULL
    """,
    "CREATE INDEX messages_dead ON messages (queue, seq) WHERE dead_at IS NOT NULL",
    "CREATE UNIQUE INDEX messages_in_hand ON messages (receipt) WHERE receipt IS NOT NULL",
    """
    CREATE TABLE rate_limits (
        key TEXT PRIMARY KEY,
        arrival_us INTEGER NOT NULL
    ) WITHOUT ROWID
    """,
    "CREATE INDEX rate_limits_idle ON rate_limits (arrival_us)",
    """
    CREATE TABLE api_keys (
        id TEXT PRIMARY KEY,
        tenant TEXT NOT NULL,
        created_at REAL NOT NULL,
        document TEXT NOT NULL
    )
    """,
    "CREATE INDEX api_keys_oldest ON api_keys (created_at, id)",
    """
    CREATE TABLE secrets (
        name TEXT NOT NULL,
        version INTEGER NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (name, version)
    ) WITHOUT ROWID
    """,
    "CREATE TABLE counters (name TEXT PRIMARY KEY, value REAL NOT NULL) WITHOUT ROWID",
)

_DELIVERIES_BY_TENANT = (
    """
    CREATE INDEX deliveries_due_of_tenant ON deliveries (tenant, wake_at, id)
        WHERE wake_at IS NOT NULL
    """,
)

#: Statements that lead from `user_version` n to n + 1. Entries are appended, never changed.
MIGRATIONS: tuple[tuple[str, ...], ...] = (_FIRST, _DELIVERIES_BY_TENANT)
