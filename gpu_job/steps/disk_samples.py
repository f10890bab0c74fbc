"""Decoded audio on disk: written once while decoding, then read in windows from any thread.

Hours of samples don't fit into memory, and mapping the file would count against a container's
memory as it is read. So windows are read as they are asked for, which costs a copy of kilobytes
beside seconds of work on them.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
import weakref
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.domain.errors import WorkerError

#: Samples are kept as they leave the resampler, in half the room of the floats they become.
BYTES_PER_SAMPLE = 2
FULL_SCALE = 32_768
#: What stays free for others when a file's length is known beforehand.
_RESERVE_BYTES = 64 << 20


class DiskSamples:
    """`gpu_job.engines.ports.Samples` over a file that has no name any more.

    The file's room is given back when this object is gone, or its process.
    """

    def __init__(self, descriptor: int, count: int) -> None:
        self._descriptor = descriptor
        self._count = count
        weakref.finalize(self, os.close, descriptor)

    def __len__(self) -> int:
        """Number of samples."""
        return self._count

    def __getitem__(self, window: slice) -> NDArray[np.float32]:
        """The samples of a window as float32 in -1..1; a slice's usual rules, without a step."""
        start, stop, step = window.indices(self._count)
        if step != 1:
            msg = "samples are read in order, without a step"
            raise ValueError(msg)
        raw = self._read(start * BYTES_PER_SAMPLE, max(0, stop - start) * BYTES_PER_SAMPLE)
        return np.frombuffer(raw, dtype="<i2").astype(np.float32) / np.float32(FULL_SCALE)

    def _read(self, position: int, wanted: int) -> bytes:
        """One read gives 2 GiB at most, and may give less."""
        pieces = []
        while wanted > 0:
            piece = os.pread(self._descriptor, wanted, position)
            if not piece:
                msg = "the decoded audio ends early"
                raise WorkerError(msg, code="scratch_damaged")
            pieces.append(piece)
            position += len(piece)
            wanted -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


class SampleFile:
    """Takes samples (int16, mono, 16 kHz) one after the other, then hands them over for reading."""

    def __init__(self, folder: Path | None) -> None:
        """Open a nameless file in `folder`, or in the system's temporary folder."""
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - `close` ends it
        self._hash = hashlib.blake2b(digest_size=16)
        self.count = 0

    def write(self, samples: bytes) -> None:
        """Append.

        Raises:
            WorkerError: code ``disk_full``.
        """
        try:
            self._file.write(samples)
        except OSError as exc:
            raise _not_written(exc) from exc
        self._hash.update(samples)
        self.count += len(samples) // BYTES_PER_SAMPLE

    @property
    def digest(self) -> str:
        """Names what was written so far: the same samples have the same digest, others another."""
        return self._hash.hexdigest()

    def samples(self) -> DiskSamples:
        """What was written; nothing can be added after it.

        Raises:
            WorkerError: code ``disk_full``.
        """
        try:
            self._file.flush()
        except OSError as exc:
            raise _not_written(exc) from exc
        descriptor = os.dup(self._file.fileno())
        self.close()
        return DiskSamples(descriptor, self.count)

    def close(self) -> None:
        """Let go of the file; safe to repeat."""
        self._file.close()


def check_room(folder: Path | None, samples: int) -> None:
    """Refuse at once what can't fit, rather than after minutes of writing.

    Raises:
        WorkerError: code ``disk_full``; another worker may have more room.
    """
    wanted = samples * BYTES_PER_SAMPLE + _RESERVE_BYTES
    free = shutil.disk_usage(folder or tempfile.gettempdir()).free
    if wanted > free:
        msg = (
            f"decoding takes {wanted >> 20} MiB in the worker's temporary folder,"
            f" which has {free >> 20} MiB free"
        )
        raise WorkerError(msg, code="disk_full")


def _not_written(exc: OSError) -> WorkerError:
    full = exc.errno in {errno.ENOSPC, errno.EDQUOT}
    msg = (
        "the worker's temporary folder has no room left for the decoded audio"
        if full
        else f"the decoded audio can't be written: {exc.strerror}"
    )
    return WorkerError(msg, code="disk_full" if full else "scratch_unwritable")
