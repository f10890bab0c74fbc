"""Follows jobs to their end: a progress bar for people, a line a stage for logs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from shared.domain.job import FINISHED
from tamlil.watch import Watcher

_LOCAL_POLL_SECONDS = 0.25
_SLOWEST_POLL_SECONDS = 3.0


class JobReader(Protocol):
    """Whatever gives a job's document."""

    def get(self, path: str, **params: Any) -> Any:
        """A path's JSON."""
        ...


class Display:
    """Shows each job's stage and measured progress on stderr, unless `quiet`."""

    def __init__(self, *, quiet: bool = False) -> None:
        console = Console(stderr=True, highlight=False)
        self._quiet = quiet
        self._plain = not quiet and not console.is_terminal
        self._tasks: dict[str, TaskID] = {}
        self._stages: dict[str, str] = {}
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=28),
            TaskProgressColumn(),
            TextColumn("[dim]{task.fields[stage]}"),
            TimeElapsedColumn(),
            TextColumn("[dim]left"),
            TimeRemainingColumn(compact=True),
            console=console,
            disable=quiet or not console.is_terminal,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def show(self, name: str, job: Mapping[str, Any]) -> None:
        """Update one job's line; a stage that is new is a line of its own in a log."""
        stage = str(job["status"] if job["status"] in FINISHED else job["stage"])
        if self._plain and self._stages.get(name) != stage:
            sys.stderr.write(f"{name}: {stage}\n")
        self._stages[name] = stage
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(escape(name), total=1.0, stage=stage)
        self._progress.update(self._tasks[name], completed=float(job["progress"]), stage=stage)

    def line(self, text: str, *, to_stdout: bool = False) -> None:
        """Say something above the bars; on stdout only where that can't tear them apart."""
        bars = not self._progress.disable
        if to_stdout and not (bars and sys.stdout.isatty()):
            sys.stdout.write(f"{text}\n")
            sys.stdout.flush()
        elif not self._quiet:
            self._progress.console.print(text, markup=False, soft_wrap=True)


@dataclass
class Tracker:
    """Polls until every job is over; slower and slower while a remote server has no news."""

    reader: JobReader
    display: Display
    watcher: Watcher | None = None
    slowest_seconds: float = _SLOWEST_POLL_SECONDS
    sleep: Callable[[float], None] = field(default=time.sleep)

    def follow(
        self, jobs: Mapping[str, str], on_end: Callable[[str, dict[str, Any]], None]
    ) -> None:
        """Call `on_end` with id and document as each job ends.

        Args:
            jobs: names to show, by job id.
            on_end: hears of each job once.

        Raises:
            ServerError: the server stopped answering.
        """
        left = dict(jobs)
        wait = _LOCAL_POLL_SECONDS
        news: dict[str, Any] = {}
        while left:
            changed = False
            for job_id, name in list(left.items()):
                job = self.reader.get(f"/api/v1/jobs/{job_id}")
                mark = (job["status"], job["stage"], job["progress"])
                changed = changed or news.get(job_id) != mark
                news[job_id] = mark
                self.display.show(name, job)
                if self.watcher is not None:
                    self.watcher.look(job_id, name, job)
                if job["status"] in FINISHED:
                    del left[job_id]
                    on_end(job_id, job)
            if left:
                wait = _LOCAL_POLL_SECONDS if changed else min(wait * 1.3, self.slowest_seconds)
                self.sleep(wait)
