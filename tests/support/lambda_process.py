"""A function's process: the real runtime client on a built bundle, and nothing else on its path."""

from __future__ import annotations

import os
import queue
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support.runtime_api import Answer, RuntimeApi

_POLL_SECONDS = 0.5
_LONGEST_SECONDS = 60.0


class FunctionDied(Exception):
    """The process ended without an answer; the message is its log."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Runtime:
    """`python` of the runtime's version, and the folder that stands in for ``/var/runtime``."""

    python: str
    folder: Path


@dataclass(kw_only=True)
class LambdaProcess:
    """Runs ``handler`` of the bundle; a context manager.

    `started` is when the process was asked for (`time.perf_counter`). The interpreter sees no
    site-packages: what is not in the bundle or the runtime can't be imported.
    """

    bundle: Path
    handler: str
    runtime: Runtime
    env: Mapping[str, str]
    log: Path
    started: float = 0.0
    cpu_seconds: float = field(default=0.0, init=False)

    def __enter__(self) -> Self:
        self._api = RuntimeApi().__enter__()
        with self.log.open("ab") as log:
            self.started = time.perf_counter()
            self._process = subprocess.Popen(
                [self.runtime.python, "-s", "-S", "-m", "awslambdaric", self.handler],
                cwd=self.bundle,
                env=self._environment(),
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()
        self._api.__exit__(kind, exc, trace)

    def invoke(self, event: Any) -> Answer:
        """Send an event and wait for the answer.

        Raises:
            FunctionDied: there was none.
        """
        self._api.send(event)
        deadline = time.monotonic() + _LONGEST_SECONDS
        while time.monotonic() < deadline:
            try:
                return self._api.answer(_POLL_SECONDS)
            except queue.Empty:
                if self._process.poll() is not None:
                    break
        log = self.log.read_text(encoding="utf-8", errors="replace")[-4000:]
        raise FunctionDied(f"exit code {self._process.poll()}: {log}")

    def kill(self) -> None:
        """End it; `cpu_seconds` is then what it took in all."""
        if self._process.returncode is not None:
            return
        self._process.kill()
        _, status, usage = os.wait4(self._process.pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        self.cpu_seconds = usage.ru_utime + usage.ru_stime

    def _environment(self) -> dict[str, str]:
        name = self.bundle.name
        return {
            "AWS_LAMBDA_RUNTIME_API": self._api.address,
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": "local",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "LAMBDA_TASK_ROOT": str(self.bundle),
            "LAMBDA_RUNTIME_DIR": str(self.runtime.folder),
            "_HANDLER": self.handler,
            "LANG": "en_US.UTF-8",
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": f"{self.bundle}:{self.runtime.folder}",
            "PYTHONDONTWRITEBYTECODE": "1",  # as there, where the bundle is read-only
            "TZ": ":UTC",
            **self.env,
        }
