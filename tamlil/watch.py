"""Shows finished segments of jobs while the rest is at work."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from shared.domain.errors import TamlilError
from tamlil.console import clock_text


class SegmentReader(Protocol):
    """Whatever gives the page of a job's segments behind a cursor."""

    def __call__(self, job_id: str, after: str | None, /) -> Mapping[str, Any]:
        """The answer of ``GET /api/v1/jobs/{id}/segments``."""
        ...


@dataclass
class Watcher:
    """Passes each segment on once, as a line with its time.

    - show: takes a line
    - note: takes what is to be said beside the lines
    - to_the_end: whether the finished transcript is shown too, its speakers included; else the
      caller prints it, and what was not shown while the job ran is not shown here
    - several: lines bear the name of their job
    """

    read: SegmentReader
    show: Callable[[str], None]
    note: Callable[[str], None]
    to_the_end: bool = True
    several: bool = False
    _cursors: dict[str, str] = field(default_factory=dict)
    _seen: dict[str, object] = field(default_factory=dict)

    def look(self, job_id: str, name: str, job: Mapping[str, Any]) -> None:
        """Show what is new of a job, of which this is the record."""
        mark = (job["status"], job["stage"], job["progress"])
        if self._seen.get(job_id) == mark:
            return
        self._seen[job_id] = mark
        try:
            while self._show_page(job_id, name):
                pass
        except TamlilError as exc:  # the job itself is followed on, and says what becomes of it
            self.note(f"{name}: its segments can't be shown: {exc.detail}")

    def _show_page(self, job_id: str, name: str) -> bool:
        """Whether there may be more."""
        page = self.read(job_id, self._cursors.get(job_id))
        if page["final"] and not self.to_the_end:
            return False
        self._cursors[job_id] = page["cursor"]
        if page["replaces"]:
            again = "as it is now finished" if page["final"] else "begun anew"
            self.note(f"{name}: from the beginning, {again}")
        for segment in page["segments"]:
            self.show(self._line(name, segment))
        return bool(page["segments"]) and not page["complete"]

    def _line(self, name: str, segment: Mapping[str, Any]) -> str:
        head = f"{name} " if self.several else ""
        speaker = f"{segment['speakers'][0]}: " if segment["speakers"] else ""
        return f"{head}[{clock_text(segment['start'])}] {speaker}{segment['text']}"
