from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from gpu_job.engines import whisper_backend
from shared.settings import Settings
from tamlil import checks_engines
from tamlil.checks_engines import engines, gpu
from tamlil.findings import State


def settings(**values: Any) -> Settings:
    return Settings(**{"device": "cpu", **values})


def installed(monkeypatch: pytest.MonkeyPatch, *extras: str) -> None:
    monkeypatch.setattr(checks_engines, "has_extra", lambda extra: extra in extras)


def test_the_doctor_tells_device_number_format_and_diarizer() -> None:
    found = engines(settings())
    assert (found.state, found.found) == (State.OK, "Whisper on cpu in int8; diarizer embedded")


def test_a_gpu_is_used_where_one_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whisper_backend, "resolve_device", lambda _: "cuda")
    assert engines(settings(device="auto")).found.startswith("Whisper on cuda in float16")
    told = engines(settings(device="auto", compute_type="int8_float16")).found
    assert "in int8_float16" in told


def test_a_diarizer_that_is_not_installed_fails_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    installed(monkeypatch, "cpu")
    found = engines(settings(diarizer="pyannote"))
    assert found.state is State.FAIL
    assert "pip install 'tamlil[gpu]'" in found.advice
    installed(monkeypatch)
    assert engines(settings()).state is State.FAIL


def test_weights_that_are_missing_are_told_with_how_to_get_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    installed(monkeypatch, "cpu", "gpu")
    found = engines(settings(diarizer="pyannote", models_dir=tmp_path))
    assert found.state is State.WARN
    assert "tamlil models pull pyannote-community-1" in found.advice


def test_a_folder_of_ones_own_must_hold_a_pipeline(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    installed(monkeypatch, "cpu", "gpu")
    own = settings(diarizer="pyannote", pyannote_dir=tmp_path)
    assert engines(own).state is State.FAIL
    (tmp_path / "config.yaml").write_text("pipeline: {}\n")
    assert engines(own).state is State.OK


@pytest.mark.parametrize(
    ("output", "code", "device", "state", "told"),
    [
        ("NVIDIA L4\nNVIDIA L4\n", 0, "cuda", State.OK, "NVIDIA L4, NVIDIA L4"),
        ("", 9, "auto", State.OK, "none seen; the CPU is used"),
        ("", 9, "cuda", State.FAIL, "none seen"),
    ],
)
def test_the_driver_is_asked_for_gpus(
    monkeypatch: pytest.MonkeyPatch, output: str, code: int, device: str, state: State, told: str
) -> None:
    monkeypatch.setattr("shutil.which", lambda _: "/usr/bin/nvidia-smi")

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, code, output, "")

    monkeypatch.setattr(subprocess, "run", run)
    found = gpu(settings(device=device))
    assert (found.state, found.found) == (state, told)
