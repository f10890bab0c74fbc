"""Which module answers which paths, so that a function loads only what its request needs.

A module's routes and schemas take some ten milliseconds to make; on AWS Lambda the first request of
each instance waits for them.
"""

from __future__ import annotations

import importlib
import re
import threading
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter

_JOB = r"/api/v1/jobs/[^/]+"

#: By module, in the order in which the document lists them.
PATHS: dict[str, re.Pattern[str]] = {
    "transcribe": re.compile(r"/api/v1/transcribe(/upload)?"),
    "uploads": re.compile(r"/api/v1/uploads"),
    "jobs": re.compile(rf"/api/v1/jobs|{_JOB}"),
    "segments": re.compile(rf"{_JOB}/segments"),
    "events": re.compile(rf"{_JOB}/events"),
    "transcripts": re.compile(rf"{_JOB}/transcript"),
    "models": re.compile(r"/api/v1/models"),
    "rediarize": re.compile(rf"{_JOB}/rediarize"),
    "webhooks": re.compile(r"/api/v1/webhooks(/.*)?"),
    "keys": re.compile(r"/api/v1/keys(/.*)?"),
    "health": re.compile(r"/health(/ready)?"),
    "metrics": re.compile(r"/metrics"),
}


class Sections:
    """Includes a module's routes when a path of theirs is first asked for, or all at once.

    - router: names the router of a module that has more than one
    - describers: what the modules add to the OpenAPI document (``describe``), of those included
    """

    def __init__(self, include: Callable[[APIRouter], None], *, router: dict[str, str]) -> None:
        self._include = include
        self._router = router
        self._waiting = dict(PATHS)
        self._lock = threading.Lock()
        self.describers: list[Callable[[dict[str, Any]], None]] = []

    def need(self, path: str) -> None:
        """Have the routes of this path included."""
        if self._waiting:
            self._load([name for name, own in self._waiting.items() if own.fullmatch(path)])

    def need_all(self) -> None:
        """Have every route included, for the document and for servers that start once."""
        if self._waiting:
            self._load(list(self._waiting))

    def _load(self, names: list[str]) -> None:
        with self._lock:
            for name in names:
                if self._waiting.pop(name, None) is not None:
                    module = importlib.import_module(f"functions.api.routes.{name}")
                    self._include(getattr(module, self._router.get(name, "router")))
                    if hasattr(module, "describe"):
                        self.describers.append(module.describe)
