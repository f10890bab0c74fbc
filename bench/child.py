"""Processes that a benchmark starts: a line of JSON says "ready", closing stdin ends them."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from bench.findings import BenchmarkBroken

ROOT = Path(__file__).resolve().parent.parent
_START_SECONDS = 300.0  # importing torch and a peer takes a minute on a busy machine
_STOP_SECONDS = 20.0
_LOG_TAIL_BYTES = 2000


class Child:
    """``python -m module`` with its output in a log; a context manager.

    `ready` is what the process said of itself; `python` runs it (ours). It leads a session of its
    own, so that a Ctrl-C reaches it through us and nothing outlives the benchmark.
    """

    def __init__(
        self,
        module: str,
        *arguments: str,
        env: Mapping[str, str],
        log: Path,
        python: str = sys.executable,
    ) -> None:
        self._command = [python, "-m", module, *arguments]
        self._env = dict(env)
        self._log = log
        self.ready: dict[str, Any] = {}

    def __enter__(self) -> Self:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=self._env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        try:
            self.ready = self._read(_START_SECONDS)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end()

    @property
    def pid(self) -> int:
        """The process; what it started are its descendants."""
        return self._process.pid

    def ask(self, request: Mapping[str, Any], *, seconds: float) -> dict[str, Any]:
        """Send a line, wait for the line that answers it.

        Raises:
            BenchmarkBroken: no answer in time, or the process ended.
        """
        assert self._process.stdin is not None  # noqa: S101 - it was opened as a pipe
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._read(seconds)

    def tree(self) -> list[psutil.Process]:
        """The process and its descendants, as far as they live."""
        try:
            parent = psutil.Process(self.pid)
            return [parent, *parent.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    @contextmanager
    def suspended(self) -> Iterator[None]:
        """Stop the whole tree while something else is measured, so that it takes no time."""
        tree = self.tree()
        for process in tree:
            process.suspend()
        try:
            yield
        finally:
            _resume(tree)

    def _read(self, seconds: float) -> dict[str, Any]:
        stdout = self._process.stdout
        assert stdout is not None  # noqa: S101 - it was opened as a pipe
        told, _, _ = select.select([stdout], [], [], seconds)
        line = stdout.readline() if told else ""
        if not line:
            what = "ended" if told else f"said nothing for {seconds:g} seconds"
            raise BenchmarkBroken(f"{' '.join(self._command[1:])} {what}:\n{self._log_tail()}")
        found: dict[str, Any] = json.loads(line)
        return found

    def _end(self) -> None:
        tree = self.tree()
        _resume(tree)  # it may have been suspended when something else broke
        with suppress(BrokenPipeError):
            self._process.stdin and self._process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOP_SECONDS)
        for process in tree:  # also workers that a server left behind
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _log_tail(self) -> str:
        return self._log.read_bytes()[-_LOG_TAIL_BYTES:].decode("utf-8", "replace")


def _resume(tree: Sequence[psutil.Process]) -> None:
    for process in tree:
        with suppress(psutil.NoSuchProcess):
            process.resume()
