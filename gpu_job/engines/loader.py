"""Building engines by name, and keeping the last ones warm from job to job."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from gpu_job.engines.capacity import batch_size_here
from gpu_job.engines.embedded_diarizer import EmbeddedDiarizer
from gpu_job.engines.embedding import load_embedder
from gpu_job.engines.faster_whisper_engine import FasterWhisperTranscriber
from gpu_job.engines.ports import Diarizer, Transcriber
from gpu_job.engines.pyannote_diarizer import PyannoteDiarizer
from gpu_job.engines.pyannote_loading import load_pipeline
from gpu_job.engines.segmentation import load_segmenter
from gpu_job.engines.silero_vad import SileroVad
from gpu_job.engines.whisper_backend import FasterWhisperBackend, resolve_device
from gpu_job.models.progress import OnProgress, ignore_progress
from gpu_job.models.pull import ensure
from gpu_job.models.sources import StoredModels
from shared.domain.errors import UnsupportedOption
from shared.models.registry import PYANNOTE_MODEL, ModelSpec, find_model, load_registry


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineConfig:
    """How engines run on this machine.

    `threads` 0 means every core this process may use, `batch_size` 0 what fits the machine.
    `compute_type` None means int8 on the CPU and float16 on a GPU. `baked` are read-only roots of
    models, used before `models_dir`; `stored` is the deployment's own source of them.
    `pyannote_dir` is a pipeline's folder, instead of the registered one; `hf_token` opens gated
    repositories.
    """

    models_dir: Path
    device: str = "auto"
    compute_type: str | None = None
    threads: int = 0
    batch_size: int = 0
    offline: bool = False
    baked: tuple[Path, ...] = ()
    stored: StoredModels | None = None
    pyannote_dir: Path | None = None
    hf_token: str | None = field(default=None, repr=False)
    registry: Mapping[str, ModelSpec] = field(default_factory=load_registry)
    on_model_progress: OnProgress = ignore_progress

    def model_folder(self, name: str, *, pull: bool = True) -> Path:
        """Return a model's verified folder, pulled if need be and so told.

        Raises:
            ModelUnavailable: no source has it, or it is missing and we are told to stay offline.
        """
        return ensure(
            name,
            self.models_dir,
            self.registry,
            self.on_model_progress,
            baked=self.baked,
            offline=self.offline or not pull,
            hf_token=self.hf_token,
            stored=self.stored if pull else None,
        )


def load_faster_whisper(config: EngineConfig, model: ModelSpec) -> Transcriber:
    """Load a Whisper model in CTranslate2's format."""
    folder = config.model_folder(model.name)
    device = resolve_device(config.device)
    size = config.batch_size or batch_size_here(
        device, folder
    )  # before the weights take their room
    backend = FasterWhisperBackend(
        folder,
        device=device,
        compute_type=config.compute_type,
        threads=config.threads,
    )
    return FasterWhisperTranscriber(backend=backend, model=model, vad=SileroVad(), batch_size=size)


def load_embedded(config: EngineConfig) -> Diarizer:
    """Load segmentation 3.0 and ECAPA for the CPU."""
    return EmbeddedDiarizer(
        segmenter=load_segmenter(config.model_folder("segmentation-3.0"), threads=config.threads),
        embedder=load_embedder(config.model_folder("ecapa"), threads=config.threads),
    )


def load_pyannote(config: EngineConfig) -> Diarizer:
    """Load a pipeline of pyannote.audio: community-1, or the folder that `config` names."""
    folder = config.pyannote_dir or config.model_folder(PYANNOTE_MODEL)
    backend = load_pipeline(
        folder, device=config.device, threads=config.threads, token=config.hf_token
    )
    return PyannoteDiarizer(backend=backend)


LoadTranscriber = Callable[[EngineConfig, ModelSpec], Transcriber]
LoadDiarizer = Callable[[EngineConfig], Diarizer]

#: ``stable-whisper`` is the older service's name for exact word times, which ours always has.
ENGINES: Mapping[str, LoadTranscriber] = MappingProxyType(
    {"faster-whisper": load_faster_whisper, "stable-whisper": load_faster_whisper}
)
DEFAULT_ENGINE = "faster-whisper"

DIARIZERS: Mapping[str, LoadDiarizer] = MappingProxyType(
    {"embedded": load_embedded, "pyannote": load_pyannote}
)
DEFAULT_DIARIZER = "embedded"


@dataclass(kw_only=True, slots=True)
class EngineCache:
    """Holds one transcriber and one diarizer; asking for another model lets the old one go first.

    May be asked from several threads at once: whoever comes second waits, and gets the same.
    """

    config: EngineConfig
    engines: Mapping[str, LoadTranscriber] = field(default_factory=lambda: ENGINES)
    diarizers: Mapping[str, LoadDiarizer] = field(default_factory=lambda: DIARIZERS)
    _transcriber: tuple[str, Transcriber] | None = None
    _diarizer: tuple[str, Diarizer] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def fetch(self, model: str, pull: bool = True) -> Path:  # noqa: FBT001, FBT002 (a Callable)
        """Return a model's verified folder, pulled if need be and so told; nothing is loaded.

        Raises:
            ModelUnavailable: it is not here, and no source has it or none may be asked.
        """
        return self.config.model_folder(model, pull=pull)

    def transcriber(self, model: str, engine: str = DEFAULT_ENGINE) -> Transcriber:
        """Return the engine with that model (name or alias), warm if it was the last one.

        Raises:
            UnsupportedOption: no such engine, or the model is none that it can run.
            ModelUnavailable: there are no weights.
            WorkerError: they don't load (``engine_failed``, ``out_of_memory``).
        """
        load = self.engines.get(engine)
        if load is None:
            msg = f"engine {engine!r} is not available; available: {', '.join(self.engines)}"
            raise UnsupportedOption(msg, field="engine")
        spec = find_model(model, self.config.registry)
        if spec.kind != "whisper":
            msg = f"model {spec.name} does not transcribe; it is for {spec.kind}"
            raise UnsupportedOption(msg, field="model")
        with self._lock:
            if self._transcriber is None or self._transcriber[0] != spec.name:
                self._transcriber = None  # two models at once may not fit
                self._transcriber = (spec.name, load(self.config, spec))
            return self._transcriber[1]

    def diarizer(self, name: str = DEFAULT_DIARIZER) -> Diarizer:
        """Return the diarizer of that name, warm if it was the last one.

        Raises:
            UnsupportedOption: no such diarizer.
            ModelUnavailable: there are no weights.
            WorkerError: they don't load.
        """
        load = self.diarizers.get(name)
        if load is None:
            msg = f"diarizer {name!r} is not available; available: {', '.join(self.diarizers)}"
            raise UnsupportedOption(msg)
        with self._lock:
            if self._diarizer is None or self._diarizer[0] != name:
                self._diarizer = None
                self._diarizer = (name, load(self.config))
            return self._diarizer[1]
