"""The adapters of one platform, as the contract suites ask for them.

A suite never names an adapter. To have another platform pass the suites, write a class with these
methods and add it to `params` of the `platform` fixture in tests/contract/conftest.py; a port that
it lacks calls `pytest.skip`.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from shared.adapters.local.database import Database
from shared.adapters.local.file_blob_store import FileBlobStore
from shared.adapters.local.signed_urls import UrlSigner
from shared.adapters.local.sqlite_delivery_store import SqliteDeliveryStore
from shared.adapters.local.sqlite_event_bus import SqliteEventBus
from shared.adapters.local.sqlite_job_queue import SqliteJobQueue
from shared.adapters.local.sqlite_job_store import SqliteJobStore
from shared.adapters.local.sqlite_key_store import SqliteKeyStore
from shared.adapters.local.sqlite_metrics import SqliteMetricsStore
from shared.adapters.local.sqlite_rate_limiter import SqliteRateLimiter
from shared.adapters.local.sqlite_secret_store import SqliteSecretStore
from shared.adapters.local.subprocess_launcher import SubprocessLauncher
from shared.ports.blob_store import BlobStore
from shared.ports.delivery_store import DeliveryStore
from shared.ports.event_bus import EventBus
from shared.ports.job_queue import JobQueue
from shared.ports.job_store import JobStore
from shared.ports.key_store import KeyStore
from shared.ports.launcher import Launcher
from shared.ports.metrics import MetricsStore
from shared.ports.rate_limiter import RateLimiter
from shared.ports.secret_store import SecretStore
from tests.support.clock import FakeClock


@runtime_checkable
class Adapters(Protocol):
    """Adapters on storage that is empty at first and the same for every call.

    `description()` can be pickled and opened in another process, for races between processes.
    """

    def now(self) -> float: ...

    def pass_time(self, seconds: float) -> None:
        """Advance the clock of the queues, or wait where the platform has its own."""
        ...

    def description(self) -> AdaptersDescription: ...

    def close(self) -> None: ...

    def fail(self) -> None:
        """From now on no store, queue or bucket answers."""
        ...

    def damage(self, record_id: str) -> None:
        """From now on what is stored of the job, delivery or key with this id can't be read."""
        ...

    def job_store(self) -> JobStore: ...

    def job_queue(self, name: str = "jobs", *, max_receives: int = 5) -> JobQueue: ...

    def blob_store(self) -> BlobStore: ...

    def delivery_store(self) -> DeliveryStore: ...

    def key_store(self) -> KeyStore: ...

    def secret_store(self) -> SecretStore: ...

    def metrics_store(self) -> MetricsStore: ...

    def rate_limiter(self) -> RateLimiter: ...

    def event_bus(self) -> tuple[EventBus, Sequence[JobQueue]]:
        """A bus with two subscribers, and the queues in which their events arrive."""
        ...

    def launcher(self, program: Path, *, grace_seconds: float = 5.0) -> Launcher:
        """A launcher whose worker is this Python file, with ``WORKER_SETTING=1`` set for it."""
        ...


class AdaptersDescription(Protocol):
    """What another process needs to open the same storage."""

    def open(self) -> Adapters: ...


@dataclass
class LocalAdapters:
    """SQLite and a folder."""

    data_dir: Path
    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        self.database = Database(self.data_dir)
        self.signer = UrlSigner(b"k" * 32, "http://127.0.0.1:8000/api/v1", self.clock)

    def now(self) -> float:
        return self.clock.now()

    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def description(self) -> LocalDescription:
        return LocalDescription(data_dir=self.data_dir)

    def close(self) -> None:
        self.database.close()

    def fail(self) -> None:
        """Drop all tables, and put a file where the blobs' folder was."""
        with closing(sqlite3.connect(self.database.path)) as direct:
            names = direct.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            )
            for (name,) in names.fetchall():
                direct.execute(f"DROP TABLE {name}")
        (self.data_dir / "blobs").rename(self.data_dir / "blobs-away")
        (self.data_dir / "blobs").touch()

    def damage(self, record_id: str) -> None:
        with self.database.write() as connection:
            for table in ("jobs", "deliveries", "api_keys"):
                connection.execute(
                    f"UPDATE {table} SET document = '{{' WHERE id = ?",  # noqa: S608 - ours
                    (record_id,),
                )

    def job_store(self) -> JobStore:
        return SqliteJobStore(self.database)

    def job_queue(self, name: str = "jobs", *, max_receives: int = 5) -> JobQueue:
        return SqliteJobQueue(self.database, name=name, clock=self.clock, max_receives=max_receives)

    def blob_store(self) -> BlobStore:
        return FileBlobStore(self.data_dir / "blobs", self.signer)

    def delivery_store(self) -> DeliveryStore:
        return SqliteDeliveryStore(self.database)

    def key_store(self) -> KeyStore:
        return SqliteKeyStore(self.database)

    def secret_store(self) -> SecretStore:
        return SqliteSecretStore(self.database)

    def metrics_store(self) -> MetricsStore:
        return SqliteMetricsStore(self.database)

    def rate_limiter(self) -> RateLimiter:
        return SqliteRateLimiter(self.database)

    def event_bus(self) -> tuple[EventBus, Sequence[JobQueue]]:
        queues = [
            SqliteJobQueue(self.database, name=name, clock=self.clock)
            for name in ("webhook", "enhance")
        ]
        return SqliteEventBus(*queues), queues

    def launcher(self, program: Path, *, grace_seconds: float = 5.0) -> Launcher:
        return SubprocessLauncher(
            command=[sys.executable, str(program)],
            env={"WORKER_SETTING": "1"},
            state_dir=self.data_dir / "executions",
            log_dir=self.data_dir / "logs",
            grace_seconds=grace_seconds,
        )


@dataclass(frozen=True)
class LocalDescription:
    """The folder is all there is to know."""

    data_dir: Path

    def open(self) -> Adapters:
        return LocalAdapters(self.data_dir)


def bodies(queue: JobQueue, *, limit: int = 10, visibility_seconds: float = 30.0) -> Sequence[str]:
    """Receive once; only the texts."""
    received = queue.receive(limit=limit, visibility_seconds=visibility_seconds)
    return [message.body for message in received]
