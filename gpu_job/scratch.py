"""A folder per job in the system's temporary folder, erased whatever happens.

A worker that is killed leaves its folder behind. Each folder holds a file that its owner keeps
locked; the kernel drops the lock with the process, so the next worker knows what nobody owns.
"""

from __future__ import annotations

import fcntl
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = "tamlil-job-"
_LOCK = ".owned"
#: A folder this young (seconds) may belong to a worker that is about to lock it.
_YOUNG = 60.0


@contextmanager
def job_folder() -> Iterator[Path]:
    """An empty folder, mode 0700."""
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    try:
        with (folder / _LOCK).open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield folder
    finally:
        erase(folder)


def erase(folder: Path) -> None:
    """Erase as much as can be erased."""
    shutil.rmtree(folder, ignore_errors=True)


def erase_leftovers() -> int:
    """Erase the folders of workers that are gone; returns how many."""
    count = 0
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        if _abandoned(folder):
            erase(folder)
            count += 1
    return count


def _abandoned(folder: Path) -> bool:
    try:
        if folder.is_symlink() or time.time() - folder.stat().st_mtime < _YOUNG:
            return False
        with (folder / _LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return folder.is_dir()  # killed between making and locking it
    except OSError:
        return False  # locked by a living worker, or another user's
    return True
