"""The thin layer over pyannote.audio 4: load a pipeline, run it, run its clustering again.

`Pipeline.from_pretrained` reads a folder whose ``config.yaml`` names its networks as
``$model/<subfolder>``; nothing is fetched then. Telemetry is switched off before the import.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import threading
import warnings
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from gpu_job.engines.interruptible import engine_errors
from gpu_job.engines.ports import SAMPLE_RATE, Audio
from gpu_job.engines.pyannote_diarizer import Grouping, Labelled, OnBatch
from gpu_job.engines.pyannote_voices import PyannoteVoices, Window
from gpu_job.engines.whisper_backend import available_cores
from shared.domain.errors import WorkerError
from shared.domain.options import DiarizationArgs

CONFIG = "config.yaml"
#: What a folder raises that lacks a file, a key or a class, or whose checkpoint is damaged.
_LOAD_FAULTS = (
    OSError,
    EOFError,
    LookupError,
    ImportError,
    AttributeError,
    TypeError,
    pickle.UnpicklingError,
)


def load_pipeline(
    folder: Path, *, device: str, threads: int, token: str | None = None
) -> PyannotePipeline:
    """Load a pipeline's folder onto a device (``auto`` is the GPU when torch sees one).

    `token` is for networks that the configuration names on the hub; community-1 names none.

    Raises:
        WorkerError: the extra ``gpu`` is not installed, there is no such device, or the folder
            holds no pipeline.
    """
    torch, pipeline_class = _libraries()
    chosen = _device(torch, device)
    if chosen == "cpu":
        torch.set_num_threads(threads or available_cores())
    config = folder / CONFIG
    try:
        name = hashlib.sha256(config.read_bytes()).hexdigest()
        with engine_errors("pyannote"):
            loaded = pipeline_class.from_pretrained(str(folder), token=token)
    except _LOAD_FAULTS as exc:
        msg = f"no pyannote pipeline can be loaded from {folder}: {exc}"
        raise WorkerError(msg[:500], code="engine_failed") from exc
    if loaded is None:
        msg = f"pyannote found no pipeline in {folder}"
        raise WorkerError(msg, code="engine_failed")
    with engine_errors("pyannote"):
        loaded.to(torch.device(chosen))
    return PyannotePipeline(pipeline=name, loaded=loaded)


def _libraries() -> tuple[Any, Any]:
    # Its import starts the exporter: the switch must come first. Nobody is told what is run here.
    os.environ["PYANNOTE_METRICS_ENABLED"] = "0"
    try:
        with warnings.catch_warnings():
            # It warns at length that it can't decode files; it is given samples.
            warnings.simplefilter("ignore")
            import torch
            from pyannote.audio import Pipeline
    except (ImportError, OSError) as exc:
        msg = f"the diarizer pyannote can't be imported (pip install 'tamlil[gpu]'): {exc}"
        raise WorkerError(msg[:500], code="engine_failed", retryable=False) from exc
    return torch, Pipeline


def _device(torch: Any, device: str) -> str:
    seen = bool(torch.cuda.is_available())
    if device == "auto":
        return "cuda" if seen else "cpu"
    if device == "cuda" and not seen:
        msg = "TAMLIL_DEVICE is cuda and torch sees no CUDA device"
        raise WorkerError(msg, code="engine_failed", retryable=False)
    return device


@dataclass(frozen=True, kw_only=True, slots=True)
class PyannotePipeline:
    """See `gpu_job.engines.pyannote_diarizer.PyannoteBackend`.

    One call at a time: a run that was told to stop ends with its batch, and the next waits.
    """

    pipeline: str
    loaded: Any
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def listen(
        self, waveform: Audio, args: DiarizationArgs, on_batch: OnBatch
    ) -> tuple[Grouping, PyannoteVoices | None]:
        """See `PyannoteBackend`."""
        import torch

        heard: dict[str, Any] = {}

        def hook(step: str, artefact: Any, **news: Any) -> None:
            if news.get("total"):
                on_batch(step, int(news["completed"]), int(news["total"]))
            else:
                heard[step] = artefact  # a step's last word

        file = {"waveform": torch.from_numpy(waveform)[None], "sample_rate": SAMPLE_RATE}
        with self._lock:
            try:
                output = self.loaded(file, hook=hook, **_limits(args))
            except ValueError:
                # k-means is asked for more speakers than there are voice prints.
                voices = self._voices(heard, len(waveform) / SAMPLE_RATE)
                if voices is None or self._honourable(voices, args) == args:
                    raise
                return self._group(voices, args), voices
        return _grouping(output), self._voices(heard, len(waveform) / SAMPLE_RATE)

    def group(self, voices: PyannoteVoices, args: DiarizationArgs) -> Grouping:
        """See `PyannoteBackend`."""
        with self._lock:
            return self._group(voices, args)

    def _group(self, voices: PyannoteVoices, args: DiarizationArgs) -> Grouping:
        """Run `apply` on what its own cache for training would hold, so that it only clusters."""
        file: dict[str, Any] = {"uri": "voices"}
        file["training_cache/segmentation"] = _feature(voices)
        file["training_cache/embeddings"] = {
            "embeddings": voices.prints.copy(),
            "segmentation.threshold": getattr(self.loaded.segmentation, "threshold", None),
        }
        self.loaded.training = True
        try:
            output = self.loaded.apply(file, **_limits(self._honourable(voices, args)))
        finally:
            self.loaded.training = False
        return _grouping(output)

    def _voices(self, heard: dict[str, Any], duration: float) -> PyannoteVoices | None:
        """Collect what the hook heard; without voice prints nobody speaks."""
        if "embeddings" not in heard:
            return None
        segmentation, window = heard["segmentation"].data, heard["segmentation"].sliding_window
        return PyannoteVoices(
            pipeline=self.pipeline,
            duration=duration,
            window=Window(start=window.start, duration=window.duration, step=window.step),
            segmentation=np.asarray(segmentation, dtype=np.float32),
            prints=np.asarray(heard["embeddings"], dtype=np.float32),
        )

    def _honourable(self, voices: PyannoteVoices, args: DiarizationArgs) -> DiarizationArgs:
        """Limits that clustering can meet: no more speakers than reliable voice prints."""
        reliable, _, _ = self.loaded.clustering.filter_embeddings(
            voices.prints, segmentations=_feature(voices)
        )
        most = max(len(reliable), 1)
        wanted, least = args.num_speakers, args.min_speakers
        return replace(
            args,
            num_speakers=None if wanted is None else min(wanted, most),
            min_speakers=None if least is None else min(least, most),
        )


def _limits(args: DiarizationArgs) -> dict[str, int]:
    named = {
        "num_speakers": args.num_speakers,
        "min_speakers": args.min_speakers,
        "max_speakers": args.max_speakers,
    }
    return {name: number for name, number in named.items() if number is not None}


def _feature(voices: PyannoteVoices) -> Any:
    from pyannote.core import SlidingWindow, SlidingWindowFeature

    window = voices.window
    return SlidingWindowFeature(
        voices.segmentation.copy(),
        SlidingWindow(start=window.start, duration=window.duration, step=window.step),
    )


def _grouping(output: Any) -> Grouping:
    return Grouping(
        turns=_labelled(output.speaker_diarization),
        exclusive=_labelled(output.exclusive_speaker_diarization),
    )


def _labelled(annotation: Any) -> tuple[Labelled, ...]:
    return tuple(
        Labelled(start=float(segment.start), end=float(segment.end), label=str(label))
        for segment, _, label in annotation.itertracks(yield_label=True)
    )
