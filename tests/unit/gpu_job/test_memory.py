from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from gpu_job.memory import give_back_freed_memory, keep_freed_memory

glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another allocator")

#: A thread's buffer of 64 MiB, taken and freed ten times; prints page faults and what stays (KiB).
_PROGRAM = """
import resource, threading
from pathlib import Path
from gpu_job.memory import give_back_freed_memory, keep_freed_memory

def churn():
    for _ in range(10):
        bytearray(64 << 20)

def held():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))

kept = CALL
thread = threading.Thread(target=churn)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
thread.start()
thread.join()
faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
full = held()
give_back_freed_memory()
print(kept, faults, full - held())
"""
_PAGES = 10 * (64 << 20) // os.sysconf("SC_PAGE_SIZE")


def _churned(kept: str) -> tuple[str, int, int]:
    environment = {name: value for name, value in os.environ.items() if name[:6] != "MALLOC"}
    ended = subprocess.run(
        [sys.executable, "-c", _PROGRAM.replace("CALL", kept)],
        env=environment, cwd=Path(__file__).parents[3],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    said, faults, given_back = ended.stdout.split()
    return said, int(faults), int(given_back)


@glibc
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_freed_memory_is_kept_while_at_work_and_given_back_afterwards() -> None:
    said, faults, given_back = _churned("keep_freed_memory()")
    assert said == "True"
    assert faults < _PAGES / 4
    assert given_back > 48 << 10
    _, without, _ = _churned("None")
    assert without > _PAGES / 2


def test_an_allocator_that_the_environment_sets_up_is_left_alone() -> None:
    assert not keep_freed_memory({"MALLOC_ARENA_MAX": "2"})
    assert not keep_freed_memory({"GLIBC_TUNABLES": "glibc.malloc.arena_max=2"})


def test_where_there_is_another_allocator_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gpu_job.memory.ctypes.CDLL", lambda _: object())
    assert not keep_freed_memory({})
    give_back_freed_memory()
