"""The thin layer over stand-ins of torch and pyannote; tests/pyannote has the real ones."""

from __future__ import annotations

import os
import sys
import types
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gpu_job.engines.loader import EngineConfig, load_pyannote
from gpu_job.engines.ports import never
from gpu_job.engines.pyannote_backend import PyannotePipeline
from gpu_job.engines.pyannote_diarizer import PyannoteDiarizer
from gpu_job.engines.pyannote_loading import load_pipeline
from shared.domain.errors import WorkerError
from shared.domain.options import DiarizationArgs
from tests.support.whisper import silence


@dataclass
class SlidingWindow:
    start: float = 0.0
    duration: float = 3.0
    step: float = 1.0


@dataclass
class Feature:
    data: Any
    sliding_window: SlidingWindow


class Annotation:
    def __init__(self, *tracks: tuple[float, float, str]) -> None:
        self._tracks = tracks

    def itertracks(self, *, yield_label: bool) -> list[Any]:
        assert yield_label
        return [
            (types.SimpleNamespace(start=start, end=end), "_", label)
            for start, end, label in self._tracks
        ]


@dataclass
class LoadedPipeline:
    """Answers as a `SpeakerDiarization` does: by the hook, and by `apply` in training."""

    usable: int = 2
    most: int = 99
    training: bool = False
    segmentation: Any = field(default_factory=types.SimpleNamespace)
    calls: list[dict[str, Any]] = field(default_factory=list)
    files: list[dict[str, Any]] = field(default_factory=list)
    device: str = ""
    segmentation_batch_size: int = 4
    embedding_batch_size: int = 32
    fits: int = 32

    def to(self, device: str) -> None:
        self.device = device

    @property
    def clustering(self) -> LoadedPipeline:
        return self

    def filter_embeddings(self, prints: Any, *, segmentations: Any) -> tuple[Any, None, None]:
        return np.zeros((self.usable, 3)), None, None

    def __call__(self, file: dict[str, Any], *, hook: Any, **limits: int) -> Any:
        self.files.append(file)
        if self.embedding_batch_size > self.fits:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
        data = np.ones((2, 4, 1), dtype=np.float32)
        hook("segmentation", None, total=2, completed=1)
        hook("segmentation", Feature(data, SlidingWindow()), file=file)
        hook("embeddings", None, total=2, completed=0)
        hook("embeddings", np.zeros((1, 3)), total=2, completed=2)
        hook("embeddings", np.full((2, 1, 3), 0.5), file=file)
        return self._answer(limits)

    def apply(self, file: dict[str, Any], **limits: int) -> Any:
        assert self.training, "it would look for the audio"
        self.files.append(file)
        return self._answer(limits)

    def _answer(self, limits: dict[str, int]) -> Any:
        self.calls.append(limits)
        if limits.get("num_speakers", 0) > self.most:
            raise ValueError("n_samples=2 should be >= n_clusters=9.")
        turns = Annotation((0.0, 2.0, "A"), (1.0, 3.0, "B"))
        return types.SimpleNamespace(
            speaker_diarization=turns,
            exclusive_speaker_diarization=Annotation((0.0, 2.0, "A"), (2.0, 3.0, "B")),
        )


@dataclass
class Libraries:
    """Stand-ins; `order` tells what was set when pyannote was asked for a pipeline."""

    loaded: LoadedPipeline | None = field(default_factory=LoadedPipeline)
    cuda: bool = False
    fault: Exception | None = None
    telemetry: str | None = None
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PYANNOTE_METRICS_ENABLED", "1")
        torch: Any = types.ModuleType("torch")
        torch.from_numpy = lambda values: values
        torch.device = str
        torch.set_num_threads = self.threads.append
        torch.cuda = types.SimpleNamespace(is_available=lambda: self.cuda, empty_cache=lambda: None)
        pyannote: Any = types.ModuleType("pyannote")
        audio: Any = types.ModuleType("pyannote.audio")
        audio.Pipeline = types.SimpleNamespace(from_pretrained=self.from_pretrained)
        core: Any = types.ModuleType("pyannote.core")
        core.SlidingWindow, core.SlidingWindowFeature = SlidingWindow, Feature
        for module in (torch, pyannote, audio, core):
            monkeypatch.setitem(sys.modules, module.__name__, module)

    def from_pretrained(self, folder: str, *, token: str | None) -> LoadedPipeline | None:
        self.telemetry = os.environ.get("PYANNOTE_METRICS_ENABLED")
        self.asked.append((folder, token))
        if self.fault:
            raise self.fault
        return self.loaded


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.yaml").write_text("pipeline: {}\n")
    return tmp_path


def backend(loaded: LoadedPipeline) -> PyannotePipeline:
    return PyannotePipeline(pipeline="p", loaded=loaded)


def test_a_folder_is_loaded_with_telemetry_off_and_the_token(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    libraries = Libraries()
    libraries.install(monkeypatch)
    config = EngineConfig(models_dir=folder, pyannote_dir=folder, hf_token="hf_sesame", threads=3)
    load_pyannote(config)
    assert libraries.telemetry == "0"
    assert libraries.asked == [(str(folder), "hf_sesame")]
    assert libraries.threads == [3]
    assert "hf_sesame" not in repr(config)


@pytest.mark.parametrize(
    ("device", "cuda", "expected"),
    [("auto", True, "cuda"), ("auto", False, "cpu"), ("cpu", True, "cpu"), ("cuda", True, "cuda")],
)
def test_the_pipeline_goes_to_the_device_that_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, folder: Path, device: str, *, cuda: bool, expected: str
) -> None:
    libraries = Libraries(cuda=cuda)
    libraries.install(monkeypatch)
    load_pipeline(folder, device=device, threads=0)
    assert libraries.loaded is not None
    assert libraries.loaded.device == expected


def test_a_gpu_that_is_asked_for_and_absent_is_told(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    Libraries().install(monkeypatch)
    with pytest.raises(WorkerError, match="sees no CUDA device") as caught:
        load_pipeline(folder, device="cuda", threads=0)
    assert not caught.value.retryable


@pytest.mark.parametrize(
    "libraries",
    [
        Libraries(loaded=None),
        Libraries(fault=RuntimeError("bad checkpoint")),
        Libraries(fault=KeyError("pipeline")),
        Libraries(fault=FileNotFoundError("no weights")),
    ],
)
def test_a_folder_that_holds_no_pipeline_is_told(
    monkeypatch: pytest.MonkeyPatch, folder: Path, libraries: Libraries
) -> None:
    libraries.install(monkeypatch)
    with pytest.raises(WorkerError) as caught:
        load_pipeline(folder, device="cpu", threads=0)
    assert caught.value.code == "engine_failed"


def test_without_the_extra_the_message_says_what_to_install(folder: Path) -> None:
    """This environment has no torch, which another test holds."""
    with pytest.raises(WorkerError, match=r"pip install 'tamlil\[gpu\]'") as caught:
        load_pipeline(folder, device="cpu", threads=0)
    assert not caught.value.retryable


def test_a_folder_without_configuration_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    Libraries().install(monkeypatch)
    with pytest.raises(WorkerError, match=r"config\.yaml"):
        load_pipeline(tmp_path, device="cpu", threads=0)


def test_the_limits_are_named_as_the_library_names_them(monkeypatch: pytest.MonkeyPatch) -> None:
    Libraries().install(monkeypatch)
    loaded = LoadedPipeline()
    args = DiarizationArgs(min_speakers=1, max_speakers=4)
    grouping, voices = backend(loaded).listen(silence(4), args, lambda *_: None)
    assert loaded.calls == [{"min_speakers": 1, "max_speakers": 4}]
    assert loaded.files[0]["sample_rate"] == 16_000
    assert loaded.files[0]["waveform"].shape == (1, 64_000)
    assert [turn.label for turn in grouping.turns] == ["A", "B"]
    assert voices is not None
    assert voices.prints.shape == (2, 1, 3)


def test_grouping_anew_gives_the_pipeline_what_it_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    Libraries().install(monkeypatch)
    loaded = LoadedPipeline(usable=5)
    diarizer = PyannoteDiarizer(backend=backend(loaded))
    found = diarizer.diarize(
        silence(4), DiarizationArgs(), on_progress=lambda _: None, should_stop=never
    )
    assert diarizer.regroup(found.voices, DiarizationArgs(num_speakers=3)) == found.turns
    assert loaded.calls == [{}, {"num_speakers": 3}]
    assert not loaded.training
    kept = loaded.files[1]
    assert "waveform" not in kept
    assert kept["training_cache/segmentation"].sliding_window == SlidingWindow()
    np.testing.assert_array_equal(
        kept["training_cache/embeddings"]["embeddings"], np.full((2, 1, 3), 0.5)
    )


def test_more_speakers_than_voice_prints_are_cut_to_what_can_be_told_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Libraries().install(monkeypatch)
    loaded = LoadedPipeline(usable=2, most=2)
    diarizer = PyannoteDiarizer(backend=backend(loaded))
    found = diarizer.diarize(
        silence(4), DiarizationArgs(num_speakers=9), on_progress=lambda _: None, should_stop=never
    )
    assert len({turn.speaker for turn in found.turns}) == 2
    assert loaded.calls == [{"num_speakers": 9}, {"num_speakers": 2}]


def test_when_memory_runs_out_batches_are_halved_until_they_fit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Libraries().install(monkeypatch)
    loaded = LoadedPipeline(fits=8)
    grouping, _ = backend(loaded).listen(silence(4), DiarizationArgs(), lambda *_: None)
    assert len(grouping.turns) == 2
    assert (loaded.segmentation_batch_size, loaded.embedding_batch_size) == (1, 8)
    assert len(loaded.files) == 3


def test_memory_that_holds_no_single_batch_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    Libraries().install(monkeypatch)
    loaded = LoadedPipeline(fits=0)
    diarizer = PyannoteDiarizer(backend=backend(loaded))
    with pytest.raises(WorkerError) as caught:
        diarizer.diarize(
            silence(4), DiarizationArgs(), on_progress=lambda _: None, should_stop=never
        )
    assert caught.value.code == "out_of_memory"
    assert loaded.embedding_batch_size == 1


def test_another_fault_of_the_pipeline_is_not_taken_for_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Libraries().install(monkeypatch)
    diarizer = PyannoteDiarizer(backend=backend(LoadedPipeline(usable=20, most=2)))
    with pytest.raises(WorkerError) as caught:
        diarizer.diarize(
            silence(4),
            DiarizationArgs(num_speakers=9),
            on_progress=lambda _: None,
            should_stop=never,
        )
    assert caught.value.code == "engine_failed"
