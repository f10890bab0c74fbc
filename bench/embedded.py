"""The embedded server as the benchmarks start it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.child import Child
from shared.settings import Settings, worker_environment

#: So many requests that no benchmark meets the rate limit; each is still counted.
_NO_LIMIT = 1_000_000_000


def make_settings(data_dir: Path, **changes: Any) -> Settings:
    """The deployment's own settings, on a free port, with a fresh data folder and no inbox."""
    fixed: dict[str, Any] = {
        "data_dir": data_dir,
        "port": 0,
        "inbox": False,
        "rate_limit": _NO_LIMIT,
        "rate_burst": _NO_LIMIT,
    }
    return Settings(**(fixed | changes))


def embedded_server(settings: Settings, *, log: Path, workers: bool = True) -> Child:
    """The server in a process of its own; `ready` holds its ``url`` and a ``token``."""
    flags = () if workers else ("--no-workers",)
    return Child("bench.serve", *flags, env=worker_environment(settings), log=log)
