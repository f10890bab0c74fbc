"""Loading a pipeline of pyannote.audio 4.

`Pipeline.from_pretrained` reads a folder whose ``config.yaml`` names its networks as
``$model/<subfolder>``; nothing is fetched then. Its checkpoints are pickles, which may run code:
load folders that you trust, or those that the registry has checked. Telemetry is switched off
before the import.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import warnings
from pathlib import Path
from typing import Any

from gpu_job.engines.interruptible import engine_errors
from gpu_job.engines.pyannote_backend import PyannotePipeline
from gpu_job.engines.whisper_backend import available_cores
from shared.domain.errors import WorkerError

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
