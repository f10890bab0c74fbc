"""What the embedded database promises beyond the ports; read with sqlite3 itself where it can."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from shared.adapters.documents import encode_cursor
from shared.adapters.local.database import Database
from shared.adapters.local.schema import MIGRATIONS
from shared.adapters.local.sqlite_delivery_store import SqliteDeliveryStore
from shared.adapters.local.sqlite_job_store import SqliteJobStore
from shared.domain.errors import Unavailable
from shared.domain.job import Status
from shared.ports.delivery_store import DeliveryQuery
from shared.ports.job_store import JobQuery
from tests.support import racers
from tests.support.contracts import LocalAdapters, LocalDescription
from tests.support.races import race_processes
from tests.support.records import NOW, make_delivery, make_job

CURSOR = encode_cursor("sqlite-jobs-1", at=1.0, last_id="job_1")
ROOT = Path(__file__).parents[2]

WRITER = """
import sys
from pathlib import Path
from tests.support.contracts import LocalAdapters
from tests.support.records import NOW, make_delivery, make_job

platform = LocalAdapters(Path(sys.argv[1]))
platform.job_store().create(make_job(unique_keys=("a",)))
platform.job_queue().send("job_1")
platform.blob_store().put("a", [b"x"])
print("written", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "data", busy_seconds=0.2)
    yield database
    database.close()


def test_the_file_and_its_log_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    with closing(Database(tmp_path / "new" / "data")) as database:
        SqliteJobStore(database).create(make_job())
        modes = {
            path.name: stat.S_IMODE(path.stat().st_mode) for path in database.path.parent.iterdir()
        }
    assert modes == {"tamlil.db": 0o600, "tamlil.db-wal": 0o600, "tamlil.db-shm": 0o600}
    assert stat.S_IMODE((tmp_path / "new" / "data").stat().st_mode) == 0o700


def test_the_record_is_in_the_file_as_the_port_says(database: Database) -> None:
    created = SqliteJobStore(database).create(make_job(unique_keys=("a", "b"), wake_at=1.5))
    with closing(sqlite3.connect(database.path)) as direct:
        row = direct.execute("SELECT version, status, wake_at, document FROM jobs").fetchone()
        keys = direct.execute("SELECT unique_key, job_id FROM job_keys").fetchall()
    assert row[:3] == (1, "pending", 1.5)
    assert '"id":"job_1"' in row[3]
    assert keys == [("a", "job_1"), ("b", "job_1")]
    SqliteJobStore(database).delete(created)
    with closing(sqlite3.connect(database.path)) as direct:
        assert direct.execute("SELECT count(*) FROM job_keys").fetchone() == (0,)


def test_what_was_written_survives_kill_9(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"written\n"
        os.kill(writer.pid, signal.SIGKILL)
    with closing(LocalAdapters(tmp_path)) as platform:
        assert platform.job_store().find_unique("a") is not None
        assert [message.body for message in platform.job_queue().receive()] == ["job_1"]
        assert platform.blob_store().read("a") == b"x"


def test_commits_wait_for_the_disk_unless_they_may_be_forgotten(database: Database) -> None:
    with database.write() as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    with database.write(durable=False) as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (1,)
    with database.write() as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_an_exception_rolls_the_transaction_back(database: Database) -> None:
    def fail() -> None:
        with database.write() as connection:
            connection.execute("INSERT INTO counters VALUES ('a', 1)")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with database.read() as connection:
        assert connection.execute("SELECT count(*) FROM counters").fetchone() == (0,)


def test_sqlites_errors_become_unavailable(database: Database) -> None:
    def insert_twice() -> None:
        with database.write() as connection:
            connection.execute("INSERT INTO counters VALUES ('a', 1)")
            connection.execute("INSERT INTO counters VALUES ('a', 2)")

    with pytest.raises(Unavailable) as caught:
        insert_twice()
    assert isinstance(caught.value.__cause__, sqlite3.IntegrityError)
    assert caught.value.retryable
    with database.read() as connection:
        assert connection.execute("SELECT count(*) FROM counters").fetchone() == (0,)


def test_a_writer_that_waits_too_long_for_another_process_gives_up(database: Database) -> None:
    with closing(sqlite3.connect(database.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="SQLITE_BUSY"), database.write():
            pass
        with database.read() as connection:
            assert connection.execute("SELECT count(*) FROM jobs").fetchone() == (0,), (
                "readers go on"
            )
        other.execute("COMMIT")
    with database.write():
        pass


def test_a_writer_that_waits_too_long_for_another_thread_gives_up(database: Database) -> None:
    outcome: list[object] = []

    def write() -> None:
        try:
            with database.write():
                outcome.append("wrote")
        except Unavailable as exc:
            outcome.append(exc.code)

    with database.write():
        thread = threading.Thread(target=write)
        thread.start()
        thread.join(20)
    assert outcome == ["unavailable"]


def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "tamlil.db").write_bytes(b"not a database " * 100)
    with pytest.raises(Unavailable):
        Database(tmp_path, busy_seconds=0.1)


def test_a_data_folder_that_is_a_file_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    with pytest.raises(Unavailable) as caught:
        Database(tmp_path / "data")
    assert caught.value.code == "data_dir_unusable"


def test_a_closed_database_is_unavailable_and_closing_twice_is_fine(tmp_path: Path) -> None:
    database = Database(tmp_path)
    with database.read() as connection:
        database.close()
        assert connection.execute("SELECT 1").fetchone() == (1,), "in use until given back"
    database.close()
    with pytest.raises(Unavailable), database.read():
        pass


def test_a_damaged_record_is_unavailable_not_the_callers_fault(database: Database) -> None:
    store = SqliteJobStore(database)
    store.create(make_job())
    for damaged in ("{", "[]", '{"id": 1}'):
        with database.write() as connection:
            connection.execute("UPDATE jobs SET document = ?", (damaged,))
        with pytest.raises(Unavailable) as caught:
            store.get("job_1")
        assert caught.value.code == "record_unreadable"
        assert not caught.value.retryable


def test_a_database_of_a_newer_tamlil_is_left_alone(tmp_path: Path) -> None:
    Database(tmp_path).close()
    newer = len(MIGRATIONS) + 1
    with closing(sqlite3.connect(tmp_path / "tamlil.db")) as direct:
        direct.execute(f"PRAGMA user_version={newer}")
    with pytest.raises(Unavailable) as caught:
        Database(tmp_path)
    assert caught.value.code == "database_too_new"


def test_a_migration_that_fails_leaves_nothing_half_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = (*MIGRATIONS, ("CREATE TABLE more (a)", "CREATE TABLE more (a)"))
    Database(tmp_path).close()
    with monkeypatch.context() as patch:
        patch.setattr("shared.adapters.local.database.MIGRATIONS", broken)
        with pytest.raises(Unavailable):
            Database(tmp_path)
    with closing(Database(tmp_path)) as database, database.read() as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
        assert (
            connection.execute("SELECT name FROM sqlite_master WHERE name = 'more'").fetchall()
            == []
        )


def test_a_database_of_any_earlier_schema_is_brought_up_to_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version in range(1, len(MIGRATIONS)):
        folder = tmp_path / str(version)
        with monkeypatch.context() as patch:
            patch.setattr("shared.adapters.local.database.MIGRATIONS", MIGRATIONS[:version])
            with closing(Database(folder)) as before:
                SqliteDeliveryStore(before).create(make_delivery())
        with closing(Database(folder)) as after:
            with after.read() as connection:
                found = connection.execute("PRAGMA user_version").fetchone()
            assert found == (len(MIGRATIONS),)
            assert SqliteDeliveryStore(after).due_tenants(now=NOW, limit=9) == ("acme",)


def test_many_processes_may_open_a_new_database_at_once(tmp_path: Path) -> None:
    fresh = LocalDescription(data_dir=tmp_path / "fresh")
    race_processes(fresh, racers.count_metric, racers=4)
    with closing(sqlite3.connect(tmp_path / "fresh" / "tamlil.db")) as direct:
        assert direct.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        shared = direct.execute("SELECT value FROM counters WHERE name = 'shared'").fetchone()
    assert shared == (4.0 * racers.ROUNDS,)


@pytest.mark.parametrize(
    ("call", "index"),
    [
        (lambda p: p.job_store().due(now=1.0, limit=9), "jobs_due"),
        (lambda p: p.job_store().pending(now=1.0, limit=9), "jobs_by_turn"),
        (lambda p: p.job_store().counts(), "jobs_by_turn"),
        (lambda p: p.job_store().held_by("e"), "jobs_held"),
        (lambda p: p.job_store().query(JobQuery(tenant="a", cursor=CURSOR)), "jobs_newest"),
        (
            lambda p: p.job_store().query(JobQuery(tenant="a", status=Status.FAILED)),
            "jobs_newest_of_status",
        ),
        (
            lambda p: p.job_store().query(JobQuery(tenant="a", recording_id="r")),
            "jobs_of_recording",
        ),
        (lambda p: p.delivery_store().due(now=1.0, limit=9), "deliveries_due"),
        (
            lambda p: p.delivery_store().due(now=1.0, limit=9, tenant="a"),
            "deliveries_due_of_tenant",
        ),
        (lambda p: p.delivery_store().due_tenants(now=1.0, limit=9), "deliveries_due_of_tenant"),
        (lambda p: p.delivery_store().query(DeliveryQuery(tenant="a")), "deliveries_newest"),
        (lambda p: p.job_queue().receive(), "messages_waiting"),
        (lambda p: p.job_queue().dead_letters(), "messages_dead"),
    ],
)
def test_what_is_asked_often_is_answered_from_an_index_without_sorting(
    tmp_path: Path, call: Callable[[LocalAdapters], object], index: str
) -> None:
    asked: list[str] = []
    with closing(LocalAdapters(tmp_path)) as platform:
        with platform.database.read() as connection:  # the pool lends the same one next
            connection.set_trace_callback(asked.append)
        call(platform)
        with platform.database.read() as connection:
            connection.set_trace_callback(None)
            plans = connection.execute(f"EXPLAIN QUERY PLAN {asked[0]}").fetchall()
    plan = " ".join(row[3] for row in plans)
    assert f"INDEX {index} " in f"{plan} "
    assert "TEMP B-TREE" not in plan
