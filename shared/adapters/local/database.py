"""One SQLite file for everything that the embedded mode remembers.

Durability. The write-ahead log lies in the kernel as soon as a commit returns, so what was
answered survives ``kill -9`` of every process in any mode. With ``synchronous=FULL`` a commit also
waits until the disk has it, so it survives loss of power as far as the disk keeps its word. Writes
that may be forgotten then, such as rate limits and counters, pass ``durable=False`` and don't wait.

Connections come from a pool, not from thread-locals: threads of a server come and go, and a
connection left in a dead one could not be closed. A `Database` must not be carried across a fork.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from shared.adapters.local.schema import MIGRATIONS
from shared.domain.errors import Unavailable

FILENAME = "tamlil.db"

_BUSY = ("SQLITE_BUSY", "SQLITE_LOCKED")
_IDLE_CONNECTIONS = 8
_RETRY_SECONDS = 0.01
_creation = threading.Lock()


class Database:
    """The file ``<data_dir>/tamlil.db`` (mode 0600, its folder 0700 when made here).

    Several processes may open it at once, also the first time. `busy_seconds` bounds how long a
    write waits for other writers before it raises `Unavailable`.
    """

    def __init__(self, data_dir: Path, *, busy_seconds: float = 10.0) -> None:
        self.path = data_dir / FILENAME
        self._busy_seconds = busy_seconds
        self._idle: list[sqlite3.Connection] = []
        self._closed = False
        self._pool_lock = threading.Lock()
        # Writers of this process queue here: SQLite's own waiting sleeps for up to 100 ms a time.
        self._write_lock = threading.Lock()
        self._create_file()
        with self._connection() as connection, _translated():
            self._migrate(connection)

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A connection for SELECTs; each statement sees what was committed before it.

        Raises:
            Unavailable: SQLite reported an error.
        """
        with self._connection() as connection:
            yield connection

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """A transaction that holds the write lock from its start; rolled back on any exception.

        Raises:
            Unavailable: another writer held the lock for too long, or SQLite reported an error.
        """
        deadline = time.monotonic() + self._busy_seconds
        if not self._write_lock.acquire(timeout=self._busy_seconds):
            raise _busy()
        try:
            with self._connection() as connection:
                connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
                _begin(connection, deadline)
                try:
                    yield connection
                    connection.execute("COMMIT")
                finally:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
        finally:
            self._write_lock.release()

    def close(self) -> None:
        """Close every connection, those in use as soon as they are given back."""
        with self._pool_lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with _translated():
            connection = self._take()
            try:
                yield connection
            except sqlite3.Error:
                connection.close()  # it may be what is broken
                raise
            except BaseException:
                self._give_back(connection)
                raise
            self._give_back(connection)

    def _take(self) -> sqlite3.Connection:
        with self._pool_lock:
            if self._closed:
                raise Unavailable("the database is closed", retryable=False)
            if self._idle:
                return self._idle.pop()
        return self._open()

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with self._pool_lock:
            if not self._closed and len(self._idle) < _IDLE_CONNECTIONS:
                self._idle.append(connection)
                return
        connection.close()

    def _open(self) -> sqlite3.Connection:
        # The pool lends a connection to one thread at a time, so sharing it is safe.
        connection = sqlite3.connect(
            self.path, timeout=self._busy_seconds, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA foreign_keys=ON")
            _use_write_ahead_log(connection, time.monotonic() + self._busy_seconds)
        except BaseException:
            connection.close()
            raise
        return connection

    def _create_file(self) -> None:
        """Make the file ourselves, so that it is never readable by others, not even at first.

        Under a lock: closing a descriptor of a file drops the locks that SQLite holds on it
        elsewhere in this process, so nobody may have opened it yet.
        """
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with _creation, suppress(FileExistsError):
                os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except OSError as exc:
            msg = f"the data folder can't be used: {exc.strerror}"
            raise Unavailable(msg, code="data_dir_unusable", retryable=False) from exc

    def _migrate(self, connection: sqlite3.Connection) -> None:
        if _schema_version(connection) == len(MIGRATIONS):
            return
        _begin(connection, time.monotonic() + self._busy_seconds)
        try:
            version = _schema_version(connection)  # another process may have been quicker
            if version > len(MIGRATIONS):
                msg = f"the database has schema {version}, this Tamlil knows {len(MIGRATIONS)}"
                raise Unavailable(msg, code="database_too_new", retryable=False)
            for statement in (s for step in MIGRATIONS[version:] for s in step):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version={len(MIGRATIONS)}")
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")


def _schema_version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _begin(connection: sqlite3.Connection, deadline: float) -> None:
    _until(deadline, connection, "BEGIN IMMEDIATE")


def _use_write_ahead_log(connection: sqlite3.Connection, deadline: float) -> None:
    """Switch once; the mode stays with the file. The switch does not wait for others by itself."""
    if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        _until(deadline, connection, "PRAGMA journal_mode=WAL")


def _until(deadline: float, connection: sqlite3.Connection, statement: str) -> None:
    """Run a statement, again while others hold the file, for SQLite does not always wait."""
    while True:
        try:
            connection.execute(statement).fetchall()
        except sqlite3.OperationalError as exc:
            if not exc.sqlite_errorname.startswith(_BUSY) or time.monotonic() >= deadline:
                raise
            time.sleep(_RETRY_SECONDS)
        else:
            return


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as exc:
        name = getattr(exc, "sqlite_errorname", type(exc).__name__)
        raise Unavailable(f"the database did not answer: {name}") from exc


def _busy() -> Unavailable:
    return Unavailable("the database did not answer: other writers hold it")
