"""Tamlil's diarizer by itself: answers ``{"audio": path}`` with its turns."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from bench.audio import decoded
from bench.child_side import requests, tell
from gpu_job.engines.loader import EngineCache, EngineConfig
from gpu_job.engines.ports import never
from gpu_job.memory import keep_freed_memory
from shared.domain.options import DiarizationArgs
from shared.settings import Settings


def main() -> int:
    """Load, say so, then diarize whatever is asked for."""
    began = time.perf_counter()
    keep_freed_memory()  # as the worker's program does
    settings = Settings()
    config = EngineConfig(
        models_dir=settings.models_dir, device=settings.device, threads=settings.threads
    )
    diarizer = EngineCache(config=config).diarizer(settings.diarizer)
    tell({"load_seconds": time.perf_counter() - began})
    for request in requests():
        audio = decoded(Path(request["audio"])).samples
        found = diarizer.diarize(
            audio, DiarizationArgs(), on_progress=lambda _: None, should_stop=never
        )
        tell({"turns": [(turn.start, turn.end, turn.speaker) for turn in found.turns]})
    return 0


if __name__ == "__main__":
    sys.exit(main())
