"""A real embedded platform in a temporary folder, with a clock and a launcher that tests own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shared.ports.clock import Clock, IdSource
from shared.ports.launcher import Launcher
from shared.settings import Settings
from shared.wiring.local import LocalDeployment, open_local


@dataclass
class RecordingLauncher:
    """Starts nothing; remembers what was asked. `running` is what `active` reports."""

    started: list[tuple[str, str]] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    running: set[str] = field(default_factory=set)

    def start(self, *, job_id: str, attempt: int) -> str:
        handle = f"execution-{len(self.started) + 1}"
        self.started.append((handle, job_id))
        self.running.add(handle)
        return handle

    def stop(self, execution: str) -> None:
        self.stopped.append(execution)
        self.running.discard(execution)

    def active(self) -> frozenset[str]:
        return frozenset(self.running)


def make_settings(data_dir: Path, **overrides: Any) -> Settings:
    """Settings of a test: nothing from the environment of the person who runs it."""
    defaults: dict[str, Any] = {"data_dir": data_dir, "inbox": False}
    return Settings(**(defaults | overrides))


@contextmanager
def make_deployment(
    data_dir: Path,
    *,
    clock: Clock | None = None,
    ids: IdSource | None = None,
    launcher: Launcher | None = None,
    **overrides: Any,
) -> Iterator[LocalDeployment]:
    """A deployment over `data_dir`; the launcher starts nothing unless one is given."""
    deployment = open_local(
        make_settings(data_dir, **overrides),
        clock=clock,
        ids=ids,
        launcher=launcher or RecordingLauncher(),
    )
    try:
        yield deployment
    finally:
        deployment.close()
