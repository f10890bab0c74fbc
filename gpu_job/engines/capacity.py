"""How many windows to decode at once on this machine, when nobody says."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from gpu_job.engines.whisper_backend import available_cores

_ASK_SECONDS = 10.0
#: 4 a core makes batches of 8 on two cores, which docs/benchmarks.md is about; more brings memory.
_WINDOWS_PER_CORE, _MOST_ON_CPU, _MOST_ON_GPU = 4, 16, 16
#: A window's keys and values and its beams take about half of what the weights do (base: 65 MB of
#: 145 MB), and a quarter of the memory that is free is left to them.
_SHARE_OF_WEIGHTS, _SHARE_OF_MEMORY = 0.45, 0.25


def fitted_batch_size(*, device: str, cores: int, weights: int, free: int | None) -> int:
    """Return a batch size, 1 or more.

    Args:
        device: ``cpu`` or ``cuda``.
        cores: that this process may use.
        weights: bytes of the model's files.
        free: bytes of the device's free memory; None where it is not known. Too large a batch is
            halved when memory runs out, so a guess costs time, not the job.
    """
    wanted = _MOST_ON_GPU if device == "cuda" else min(_MOST_ON_CPU, _WINDOWS_PER_CORE * cores)
    if free is None:
        return wanted
    share = _SHARE_OF_MEMORY if device == "cpu" else 1 - _SHARE_OF_MEMORY
    room = int(free * share / max(1.0, weights * _SHARE_OF_WEIGHTS))
    return max(1, min(wanted, room))


def batch_size_here(device: str, folder: Path) -> int:
    """Return the batch size for a model's folder on this machine; `device` is not ``auto``."""
    return fitted_batch_size(
        device=device,
        cores=available_cores(),
        weights=sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
        free=free_memory(device),
    )


def free_memory(device: str) -> int | None:
    """Return the free bytes of the machine or the GPU, as far as they can be known."""
    if device == "cuda":
        return _free_on_gpu()
    return _free_on_machine(Path("/proc/meminfo"), Path("/sys/fs/cgroup"))


def _free_on_machine(meminfo: Path, cgroup: Path) -> int | None:
    """Return what the kernel calls available, or what is left to the container if that is less."""
    found = [value for value in (_available(meminfo), _left_to(cgroup)) if value is not None]
    return min(found, default=None)


def _available(meminfo: Path) -> int | None:
    try:
        lines = meminfo.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    kilobytes = (line.split()[1] for line in lines if line.startswith("MemAvailable:"))
    return next((int(value) * 1024 for value in kilobytes), None)


def _left_to(cgroup: Path) -> int | None:
    """Return limit less use; None without a limit (cgroup version 2)."""
    try:
        limit = (cgroup / "memory.max").read_text(encoding="ascii").strip()
        used = int((cgroup / "memory.current").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return max(0, int(limit) - used) if limit.isdigit() else None


def _free_on_gpu() -> int | None:
    """Ask the driver's tool, which is there wherever a GPU is usable; the first GPU is used."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return None
    query = [tool, "--query-gpu=memory.free", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(  # noqa: S603 (found on PATH, fixed arguments)
            query, capture_output=True, text=True, timeout=_ASK_SECONDS, check=True
        )
        return int(answer.stdout.split()[0]) * 1024 * 1024
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None
