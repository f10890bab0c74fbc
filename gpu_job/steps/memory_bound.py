"""A bound on what native code may allocate while it reads what a stranger wrote.

A header of a few hundred bytes can ask FFmpeg for an index of gigabytes, once a track. Python
can't see that coming, but the kernel can be told to refuse it: the call then fails as unreadable,
where the machine would have run out of memory, and taken the server down with the worker.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_STATUS = Path("/proc/self/status")


@contextmanager
def memory_bound(extra_bytes: int) -> Iterator[None]:
    """Let this process's data grow by at most so much inside the block (Linux; else no bound).

    The soft limit on data (RLIMIT_DATA) holds for the whole process, so the block should be short.
    """
    used = _data_bytes()
    if used is None:
        yield
        return
    before, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = used + extra_bytes
    limits = [limit for limit in (before, hard) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_DATA, (min([wanted, *limits]), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (before, hard))


def _data_bytes() -> int | None:
    """What the kernel counts against the limit now; None where it does not say."""
    try:
        lines = _STATUS.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    found = [int(line.split()[1]) * 1024 for line in lines if line.startswith("VmData:")]
    return found[0] if found else None
