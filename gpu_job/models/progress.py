"""What a pull reports while it works; the command line draws it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Phase(StrEnum):
    """What a pull is doing."""

    DOWNLOAD = "download"
    UNPACK = "unpack"
    VERIFY = "verify"
    CONVERT = "convert"
    DONE = "done"


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelProgress:
    """`bytes_done` of `bytes_total` (None when unknown) of one item of a model.

    `item` is an archive or a file; `source` says where it comes from, without credentials.
    """

    model: str
    phase: Phase
    item: str
    bytes_done: int = 0
    bytes_total: int | None = None
    source: str = ""


OnProgress = Callable[[ModelProgress], None]


def ignore_progress(progress: ModelProgress) -> None:
    """Report to nobody."""
