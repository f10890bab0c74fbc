"""Which process a process id means: ids are given out again, so an id alone names nothing."""

from __future__ import annotations

import errno
import subprocess
from pathlib import Path

_PROC = Path("/proc")
_BOOT_ID = _PROC / "sys/kernel/random/boot_id"

# Fields of /proc/<pid>/stat behind the command name (man 5 proc: state is 3, starttime is 22).
_STATE = 0
_START_TIME = 19

_PS_SECONDS = 5.0


def identity(pid: int) -> str | None:
    """When the running process `pid` started, to tell it from later ones with its id.

    None when there is no such process, or only its exit status is left (a zombie). Raises
    OSError when the system won't tell.
    """
    return _identity_from_proc(pid) if _BOOT_ID.exists() else _identity_from_ps(pid)


def _identity_from_proc(pid: int) -> str | None:
    try:
        stat = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
        boot = _BOOT_ID.read_text(encoding="ascii").strip()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()  # the name before may hold spaces and parentheses
    if fields[_STATE] in "ZXx":
        return None
    return f"{boot}/{fields[_START_TIME]}"  # clock ticks since boot, so the boot is part of it


def _identity_from_ps(pid: int) -> str | None:
    """Where there is no /proc (macOS, BSD)."""
    try:
        listed = subprocess.run(  # noqa: S603 - a fixed program; the only argument is an int
            ["/bin/ps", "-o", "stat=", "-o", "lstart=", "-p", str(pid)],
            capture_output=True,
            text=True,
            check=False,
            timeout=_PS_SECONDS,
            env={"LC_ALL": "C", "TZ": "UTC"},
        )
    except subprocess.TimeoutExpired as exc:
        raise TimeoutError(errno.ETIMEDOUT, "ps did not answer") from exc
    state, _, started = listed.stdout.strip().partition(" ")
    return started.strip() if started and not state.startswith("Z") else None
