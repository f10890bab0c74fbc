"""faster-whisper called directly, as its documentation shows it: batched, or ``--sequential``.

One model, loaded once; for each request (``{"audio": path}``) it decodes the file, finds speech,
detects the language and transcribes with word times. Model, device, number type, threads, batch
size and beam are those that a job with default options gets from the same settings.
"""

from __future__ import annotations

import sys
import time
from importlib.metadata import version
from typing import Any

from bench.child_side import requests, tell
from gpu_job.engines.capacity import batch_size_here
from gpu_job.engines.whisper_backend import available_cores, resolve_device
from shared.domain.options import TranscriptionOptions
from shared.settings import Settings


def main() -> int:
    """Load, say so, then transcribe whatever is asked for."""
    began = time.perf_counter()
    from faster_whisper import BatchedInferencePipeline, WhisperModel

    settings, options = Settings(), TranscriptionOptions()
    device = resolve_device(settings.device)
    folder = settings.models_dir / settings.default_model
    size = settings.batch_size or batch_size_here(device, folder)
    model = WhisperModel(
        str(folder),
        device=device,
        compute_type=settings.compute_type or ("int8" if device == "cpu" else "float16"),
        cpu_threads=settings.threads or available_cores(),
        local_files_only=True,
    )
    pipeline, arguments = _mode(model, BatchedInferencePipeline, size)
    tell(
        {
            "load_seconds": time.perf_counter() - began,
            "version": version("faster-whisper"),
        }
    )
    for request in requests():
        segments, info = pipeline.transcribe(
            request["audio"],
            beam_size=options.beam_size,
            word_timestamps=options.output_options.word_timestamps,
            **arguments,
        )
        heard = list(segments)
        tell(
            {
                "text": " ".join(segment.text.strip() for segment in heard),
                "language": info.language,
                "lengths": [segment.end - segment.start for segment in heard],
                "words": sum(len(segment.words or ()) for segment in heard),
            }
        )
    return 0


def _mode(model: Any, batched: Any, batch_size: int) -> tuple[Any, dict[str, Any]]:
    """What to call and with which options; the batched pipeline finds speech by default."""
    if "--sequential" in sys.argv[1:]:
        return model, {"vad_filter": True}
    return batched(model=model), {"batch_size": batch_size}


if __name__ == "__main__":
    sys.exit(main())
