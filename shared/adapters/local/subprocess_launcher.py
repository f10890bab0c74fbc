"""Workers as processes of this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from ulid import ULID

from shared.adapters.local.execution_records import ExecutionRecord, ExecutionRecords
from shared.adapters.local.processes import identity
from shared.domain.errors import Unavailable

_POLL_SECONDS = 0.05


class SubprocessLauncher:
    """`Launcher` whose handles are ``local-<ulid>``.

    A worker leads a session of its own, so that a Ctrl-C meant for the server does not reach it
    and `stop` reaches whatever it has started. Its output goes to ``<log_dir>/<handle>.log``; of
    these the newest `keep_logs` are kept. Records in `state_dir` let another server process, or
    the next one, see and stop the workers of this one.

    `env` is the worker's whole environment, but for the two variables that the port names.
    """

    def __init__(
        self,
        *,
        command: Sequence[str],
        env: Mapping[str, str],
        state_dir: Path,
        log_dir: Path,
        grace_seconds: float = 5.0,
        keep_logs: int = 200,
    ) -> None:
        self._command = tuple(command)
        self._env = dict(env)
        self._records = ExecutionRecords(state_dir)
        self._log_dir = log_dir
        self._grace_seconds = grace_seconds
        self._keep_logs = keep_logs

    def start(self, *, job_id: str, attempt: int) -> str:
        """Start a worker that claims this job first; returns the execution's handle."""
        execution = f"local-{str(ULID()).lower()}"
        env = {**self._env, "TAMLIL_JOB_ID": job_id, "TAMLIL_EXECUTION_ID": execution}
        with _translated():
            self._remove_old_logs()
            with self._open_log(execution) as log:
                process = subprocess.Popen(  # noqa: S603 - the deployment's own command
                    self._command,
                    env=env,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        try:
            with _translated():
                self._record(execution, job_id, attempt, process.pid)
        except Unavailable:
            process.kill()  # nobody could ever find it again
            raise
        finally:
            # One waiting thread a worker: workers are few, and each is reaped as it ends.
            threading.Thread(
                target=self._reap, args=(process, execution), name=execution, daemon=True
            ).start()
        return execution

    def stop(self, execution: str) -> None:
        """SIGTERM to the worker's group now, SIGKILL when the grace is over; does not wait."""
        with _translated():
            record = self._records.read(execution)
        if record is None or not _alive(record):
            return
        _signal_group(record.pid, signal.SIGTERM)
        threading.Thread(
            target=self._kill_after_grace, args=(record,), name=f"stop {execution}", daemon=True
        ).start()

    def active(self) -> frozenset[str]:
        """Handles of the running workers; records of the others are removed."""
        running = set()
        with _translated():
            for record in self._records.all():
                if _alive(record):
                    running.add(record.execution)
                else:
                    self._records.remove(record.execution)
        return frozenset(running)

    def _record(self, execution: str, job_id: str, attempt: int, pid: int) -> None:
        started = identity(pid)  # nobody has reaped it yet, so the id is still its own
        if started is not None:  # else it is over already
            self._records.write(
                ExecutionRecord(
                    execution=execution,
                    job_id=job_id,
                    attempt=attempt,
                    pid=pid,
                    identity=started,
                )
            )

    def _reap(self, process: subprocess.Popen[bytes], execution: str) -> None:
        process.wait()
        with suppress(OSError):  # `active` removes what is left
            self._records.remove(execution)

    def _kill_after_grace(self, record: ExecutionRecord) -> None:
        deadline = time.monotonic() + self._grace_seconds
        while _alive(record) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        # Also when the leader has ended: what it started and left behind is in the group, whose
        # id is not given out again as long as somebody is in it.
        _signal_group(record.pid, signal.SIGKILL)

    def _open_log(self, execution: str) -> IO[bytes]:
        path = self._log_dir / f"{execution}.log"
        self._log_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.fdopen(os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600), "ab")

    def _remove_old_logs(self) -> None:
        logs = sorted(self._log_dir.glob("local-*.log"))  # handles sort by time
        for path in logs[: max(0, len(logs) - self._keep_logs + 1)]:
            path.unlink(missing_ok=True)


def _alive(record: ExecutionRecord) -> bool:
    return identity(record.pid) == record.identity


def _signal_group(pid: int, number: signal.Signals) -> None:
    """Signal a group; one that is gone, or of which only zombies are left, is no error."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        msg = f"a worker could not be started or looked up: {exc.strerror}"
        raise Unavailable(msg, code="launcher_unavailable") from exc
