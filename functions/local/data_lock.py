"""One embedded server a data folder: two would both believe that all workers are theirs."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from shared.domain.errors import Unavailable

_FILENAME = "server.lock"


class DataLock:
    """An advisory lock that the kernel releases when the process ends, however it ends."""

    def __init__(self, data_dir: Path) -> None:
        """Take the lock.

        Raises:
            Unavailable: code ``data_dir_in_use``, or ``data_dir_unusable``.
        """
        try:
            data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = os.open(data_dir / _FILENAME, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            raise Unavailable(
                f"the data folder {data_dir} can't be used: {exc.strerror}",
                code="data_dir_unusable",
                retryable=False,
            ) from exc
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            os.close(self._file)
            raise Unavailable(
                f"another Tamlil server already works on {data_dir};"
                " stop it, or choose another folder (TAMLIL_DATA_DIR)",
                code="data_dir_in_use",
                retryable=False,
            ) from exc

    def release(self) -> None:
        """Let the next server in."""
        os.close(self._file)
