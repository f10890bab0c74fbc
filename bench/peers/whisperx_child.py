"""whisperX, and with ``--diarize`` pyannote.audio after it; runs in the environment of peers.

``MODEL THREADS BATCH BEAM [--diarize ECAPA]``: a folder with a CTranslate2 model, and the ONNX file
of the speaker embedding. whisperX finds speech with the checkpoint in its own package. Its word
times take an alignment model from a hub, so there are none here: the work is less than ours.
"""

from __future__ import annotations

import sys
import time
from importlib.metadata import version
from typing import Any

from bench.child_side import keep_stdout_for_telling, requests, tell


def main() -> int:
    """Load, say so, then answer whatever is asked for."""
    keep_stdout_for_telling()
    began = time.perf_counter()
    import torch
    import whisperx
    from faster_whisper.audio import decode_audio

    model, threads, batch, beam = sys.argv[1:5]
    torch.set_num_threads(int(threads))
    pipeline = whisperx.load_model(
        model,
        "cpu",
        compute_type="int8",
        threads=int(threads),
        asr_options={"beam_size": int(beam)},
        local_files_only=True,
    )
    diarize = _diarizer() if "--diarize" in sys.argv else None
    tell(
        {
            "load_seconds": time.perf_counter() - began,
            "version": version("whisperx"),
            "pyannote": version("pyannote.audio"),
        }
    )
    for request in requests():
        audio = decode_audio(request["audio"])
        heard = pipeline.transcribe(audio, batch_size=int(batch))
        segments = heard["segments"]
        answer: dict[str, Any] = {
            "text": " ".join(segment["text"].strip() for segment in segments),
            "language": heard["language"],
            "lengths": [segment["end"] - segment["start"] for segment in segments],
            "words": 0,
        }
        tell(answer if diarize is None else answer | diarize(audio, heard))
    return 0


def _diarizer() -> Any:
    """What labels whisperX's segments by pyannote's turns; it measures pyannote by itself too."""
    import pandas as pd
    import torch
    import whisperx

    from bench.peers.pyannote_pipeline import build_pipeline

    ecapa = sys.argv[sys.argv.index("--diarize") + 1]
    pipeline = build_pipeline(ecapa)

    def run(audio: Any, heard: Any) -> dict[str, Any]:
        wall, cpu = time.perf_counter(), time.process_time()
        waveform = torch.from_numpy(audio)[None]
        found = pipeline({"waveform": waveform, "sample_rate": 16_000}).speaker_diarization
        alone = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
        turns = [
            (turn.start, turn.end, name) for turn, _, name in found.itertracks(yield_label=True)
        ]
        if turns:
            frame = pd.DataFrame(turns, columns=["start", "end", "speaker"])
            whisperx.assign_word_speakers(frame, heard)
        return {"turns": turns, "diarizer": alone}

    return run


if __name__ == "__main__":
    sys.exit(main())
