from __future__ import annotations

from pathlib import Path

import pytest

from gpu_job.engines.capacity import (
    _available,
    _free_on_machine,
    batch_size_here,
    fitted_batch_size,
    free_memory,
)

GIB = 1 << 30
BASE, LARGE = 145_000_000, 3_100_000_000


@pytest.mark.parametrize(
    ("device", "cores", "weights", "free", "expected"),
    [
        ("cpu", 1, BASE, 16 * GIB, 4),
        ("cpu", 2, BASE, 16 * GIB, 8),
        ("cpu", 64, BASE, 64 * GIB, 16),
        ("cpu", 8, BASE, GIB, 4),
        ("cpu", 8, LARGE, GIB, 1),
        ("cpu", 2, BASE, None, 8),
        ("cuda", 2, LARGE, 78 * GIB, 16),
        ("cuda", 2, LARGE, 8 * GIB, 4),
        ("cuda", 2, LARGE, None, 16),
    ],
)
def test_a_batch_is_fitted_to_cores_and_memory(
    device: str, cores: int, weights: int, free: int | None, expected: int
) -> None:
    assert fitted_batch_size(device=device, cores=cores, weights=weights, free=free) == expected


def test_a_containers_limit_counts_where_it_is_less(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 9 kB\nMemAvailable:    4000 kB\n")
    (tmp_path / "memory.current").write_text("1000000\n")
    assert _free_on_machine(meminfo, tmp_path) == 4_096_000
    (tmp_path / "memory.max").write_text("3000000\n")
    assert _free_on_machine(meminfo, tmp_path) == 2_000_000
    (tmp_path / "memory.max").write_text("max\n")
    assert _free_on_machine(meminfo, tmp_path) == 4_096_000
    assert _available(tmp_path / "none") is None


def test_this_machine_gets_a_size(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"x" * 1000)
    assert 1 <= batch_size_here("cpu", tmp_path) <= 16
    assert free_memory("cpu") != 0


@pytest.mark.parametrize(
    ("script", "expected"),
    [("echo 2048", 2048 << 20), ("echo '[N/A]'", None), ("exit 9", None), (None, None)],
)
def test_the_drivers_tool_is_asked_for_a_gpus_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None, expected: int | None
) -> None:
    if script is not None:
        tool = tmp_path / "nvidia-smi"
        tool.write_text(f"#!/bin/sh\n{script}\n")
        tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert free_memory("cuda") == expected
