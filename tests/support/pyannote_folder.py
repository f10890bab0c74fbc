"""A pipeline's folder as community-1's is laid out, with weights that need no account."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.support.pyannote_networks import save_embedding, save_segmentation
from tests.support.weights import models_dir

#: community-1's arrangement; AgglomerativeClustering is that of the older 3.1.
CLUSTERINGS = {
    "VBxClustering": "    threshold: 0.6\n    Fa: 0.07\n    Fb: 0.8\n",
    "AgglomerativeClustering": (
        "    method: centroid\n    min_cluster_size: 12\n    threshold: 0.70\n"
    ),
}
_CONFIG = """\
dependencies:
  pyannote.audio: 4.0.0
pipeline:
  name: pyannote.audio.pipelines.SpeakerDiarization
  params:
    clustering: {clustering}
    segmentation: $model/segmentation
    segmentation_batch_size: 8
    embedding: $model/embedding
    embedding_batch_size: 8
    embedding_exclude_overlap: true
    plda: $model/plda
params:
  clustering:
{parameters}  segmentation:
    min_duration_off: 0.0
"""
_DIMENSION = 192
_LDA = 128


def build(folder: Path, clustering: str = "VBxClustering") -> Path:
    """Write ``config.yaml``, ``segmentation``, ``embedding`` and ``plda``."""
    weights = models_dir()
    save_segmentation(
        folder / "segmentation", weights / "segmentation-3.0" / "segmentation-3.0.onnx"
    )
    save_embedding(folder / "embedding", weights / "ecapa")
    _save_plda(folder / "plda")
    text = _CONFIG.format(clustering=clustering, parameters=CLUSTERINGS[clustering])
    (folder / "config.yaml").write_text(text, encoding="utf-8")
    return folder


def _save_plda(folder: Path) -> None:
    """A PLDA that knows no preferred direction: voices differ evenly, in a random subspace.

    community-1's own has 256 inputs, ECAPA 192. Between-speaker variance is ten times that within.
    """
    folder.mkdir()
    axes, _ = np.linalg.qr(np.random.default_rng(7).normal(size=(_DIMENSION, _LDA)))
    np.savez(
        folder / "xvec_transform.npz",
        mean1=np.zeros(_DIMENSION),
        mean2=np.zeros(_LDA),
        lda=axes,
    )
    psi = np.linspace(11.0, 9.0, _LDA)
    np.savez(folder / "plda.npz", mu=np.zeros(_LDA), tr=np.eye(_LDA), psi=psi)
