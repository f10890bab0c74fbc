"""The peer of a job: faster-whisper's own batched pipeline, as its documentation shows it.

One model, loaded once; for each request (``{"audio": path}``) it decodes the file, finds speech,
detects the language and transcribes with word times. Model, device, number type, threads, batch
size and beam are those that a job with default options gets from the same settings.
"""

from __future__ import annotations

import sys

from bench.child_side import requests, tell
from gpu_job.engines.whisper_backend import available_cores, resolve_device
from shared.domain.options import TranscriptionOptions
from shared.settings import Settings


def main() -> int:
    """Load, say so, then transcribe whatever is asked for."""
    from faster_whisper import BatchedInferencePipeline, WhisperModel

    settings, options = Settings(), TranscriptionOptions()
    device = resolve_device(settings.device)
    model = WhisperModel(
        str(settings.models_dir / settings.default_model),
        device=device,
        compute_type=settings.compute_type or ("int8" if device == "cpu" else "float16"),
        cpu_threads=settings.threads or available_cores(),
        local_files_only=True,
    )
    pipeline = BatchedInferencePipeline(model=model)
    tell({"ready": True})
    for request in requests():
        segments, info = pipeline.transcribe(
            request["audio"],
            batch_size=settings.batch_size,
            beam_size=options.beam_size,
            word_timestamps=options.output_options.word_timestamps,
        )
        text = " ".join(segment.text.strip() for segment in segments)
        tell({"text": text, "language": info.language})
    return 0


if __name__ == "__main__":
    sys.exit(main())
