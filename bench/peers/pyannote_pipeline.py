"""pyannote.audio's own diarization pipeline with weights that need no account.

The settings are those of its release ``speaker-diarization`` 2.1 (2022), the last one whose weights
can be had freely: the segmentation checkpoint that whisperX's package carries, and SpeechBrain's
ECAPA. The embedding runs in ONNX Runtime, because SpeechBrain no longer fits pyannote's loader;
features, masks and the rule for overlap are pyannote's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from gpu_job.engines.fbank import log_mel

_SAMPLE_RATE = 16_000
#: Less speech than this says nothing about a voice (seconds), as in Tamlil's own diarizer.
_MIN_SECONDS = 0.4


class OnnxEcapa:
    """What pyannote's pipeline asks of an embedding, answered by the ONNX graph."""

    sample_rate = _SAMPLE_RATE
    dimension = 192
    metric = "cosine"
    min_num_samples = int(_MIN_SECONDS * _SAMPLE_RATE)

    def __init__(self, path: str) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        # Threads that wait by spinning would be counted as work, against the peer.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            path, options, providers=["CPUExecutionProvider"]
        )
        self._input = self._session.get_inputs()[0].name

    def to(self, _device: torch.device) -> OnnxEcapa:
        """It is where it is."""
        return self

    def __call__(self, waveforms: torch.Tensor, masks: torch.Tensor | None = None) -> Any:
        """Embed each waveform (batch, 1, samples) where its mask is above a half."""
        found = np.full((len(waveforms), self.dimension), np.nan, dtype=np.float32)
        for number, waveform in enumerate(waveforms[:, 0]):
            samples = waveform
            if masks is not None:
                mask = torch.nn.functional.interpolate(
                    masks[number][None, None].float(), size=len(samples), mode="nearest"
                )[0, 0]
                samples = samples[mask > 0.5]
            if len(samples) >= self.min_num_samples:
                features = log_mel(samples.numpy())[None]
                found[number] = self._session.run(None, {self._input: features})[0][0]
        return found


def build_pipeline(ecapa: str) -> Any:
    """The pipeline, ready; `ecapa` is the ONNX file.

    The published numbers: https://huggingface.co/pyannote/speaker-diarization (2.1).
    """
    import whisperx
    from pyannote.audio.pipelines import SpeakerDiarization, speaker_diarization

    checkpoint = Path(whisperx.__file__).parent / "assets" / "pytorch_model.bin"
    embedding = OnnxEcapa(ecapa)
    speaker_diarization.PretrainedSpeakerEmbedding = lambda *_, **__: embedding
    speaker_diarization.get_plda = lambda *_, **__: None  # only VBx clustering asks for it
    pipeline = SpeakerDiarization(
        segmentation=str(checkpoint),
        embedding="ecapa",
        embedding_exclude_overlap=True,
        clustering="AgglomerativeClustering",
        segmentation_batch_size=32,
        embedding_batch_size=32,
    )
    pipeline.instantiate(
        {
            "segmentation": {
                "threshold": 0.4442333667381752,
                "min_duration_off": 0.5817029604921046,
            },
            "clustering": {
                "method": "centroid",
                "min_cluster_size": 15,
                "threshold": 0.7153814381597874,
            },
        }
    )
    return pipeline
