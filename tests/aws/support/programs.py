"""Programs of other environments that these tests need, and what to do where one is missing."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).parents[3]
#: Set up by `make test-aws`; see the Makefile.
MINISTACK = ROOT / ".venv-ministack" / "bin" / "ministack"
MICROBURST = ROOT / ".venv-microburst" / "bin" / "microburst"
TRANSLATOR = ROOT / ".venv-sam" / "bin" / "python"
#: The bundles for this machine's CPU, made by `make build-aws-here`.
BUNDLES = ROOT / "build" / "aws-here"


def need(path: Path) -> Path:
    """Return the path; where there is nothing, skip, or fail in CI."""
    if not path.exists():
        _miss(f"{path.relative_to(ROOT)} is missing: run `make test-aws`, which sets it up")
    return path


def _miss(reason: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def machine_environment() -> dict[str, str]:
    """What programs need of this machine, and nothing of its owner's clouds or of Tamlil's."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH")
    return {name: os.environ[name] for name in kept if name in os.environ}
