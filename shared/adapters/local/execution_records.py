"""Which worker processes were started, as one small file each, so that a restart forgets none."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from shared.domain.codec import from_document, to_document
from shared.domain.errors import InvalidRequest

_HANDLE = re.compile(r"local-[0-9a-z]{26}")


@dataclass(frozen=True, kw_only=True, slots=True)
class ExecutionRecord:
    """A started process: `identity` tells it from a later one with the same `pid`.

    The process leads a session and a group of its own, so `pid` names the group as well.
    """

    execution: str
    job_id: str
    attempt: int
    pid: int
    identity: str


class ExecutionRecords:
    """The folder of records. OSErrors pass through."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, record: ExecutionRecord) -> None:
        """Write a record whole or not at all."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = self._folder / f".{uuid.uuid4().hex}"
        try:
            temporary.write_text(json.dumps(to_document(record)), encoding="utf-8")
            temporary.replace(self._file(record.execution))
        finally:
            temporary.unlink(missing_ok=True)

    def read(self, execution: str) -> ExecutionRecord | None:
        """The record of a handle; None when there is none, or it is no handle of ours."""
        if not _HANDLE.fullmatch(execution):
            return None
        try:
            document = json.loads(self._file(execution).read_text(encoding="utf-8"))
            return from_document(ExecutionRecord, document)
        except FileNotFoundError:
            return None
        except (ValueError, InvalidRequest):  # damaged, as after a loss of power: of no use
            self.remove(execution)
            return None

    def remove(self, execution: str) -> None:
        """Forget a handle; an unknown one is not an error."""
        self._file(execution).unlink(missing_ok=True)

    def all(self) -> Iterator[ExecutionRecord]:
        """Every record."""
        for path in self._folder.glob("local-*.json"):
            record = self.read(path.stem)
            if record is not None:
                yield record

    def _file(self, execution: str) -> Path:
        return self._folder / f"{execution}.json"
