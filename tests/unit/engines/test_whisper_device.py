"""Where Whisper runs and in which number format, over a stand-in of faster-whisper."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import pytest

from gpu_job.engines.whisper_backend import FasterWhisperBackend, available_cores


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What each model was made with."""
    calls: list[dict[str, Any]] = []

    class WhisperModel:
        def __init__(self, path: str, **given: Any) -> None:
            calls.append({"path": path, **given})

    module: Any = types.ModuleType("faster_whisper")
    module.WhisperModel = WhisperModel
    module.BatchedInferencePipeline = lambda *, model: model
    monkeypatch.setitem(sys.modules, "faster_whisper", module)
    return calls


def gpus(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    module: Any = types.ModuleType("ctranslate2")
    module.get_cuda_device_count = lambda: count
    monkeypatch.setitem(sys.modules, "ctranslate2", module)


@pytest.mark.parametrize(
    ("device", "seen", "asked", "expected"),
    [
        ("auto", 0, None, ("cpu", "int8")),
        ("auto", 1, None, ("cuda", "float16")),
        ("cuda", 0, None, ("cuda", "float16")),
        ("cpu", 1, None, ("cpu", "int8")),
        ("cuda", 1, "int8_float16", ("cuda", "int8_float16")),
        ("cpu", 0, "float32", ("cpu", "float32")),
    ],
)
def test_a_gpu_computes_in_float16_and_a_cpu_in_int8_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch,
    made: list[dict[str, Any]],
    device: str,
    seen: int,
    asked: str | None,
    expected: tuple[str, str],
) -> None:
    gpus(monkeypatch, seen)
    FasterWhisperBackend(Path("model"), device=device, compute_type=asked, threads=0)
    (model,) = made
    assert (model["device"], model["compute_type"]) == expected
    assert model["cpu_threads"] == available_cores()
    assert model["local_files_only"] is True
