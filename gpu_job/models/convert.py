"""Recipes that make derived files: today, ECAPA-TDNN from its checkpoint to ONNX, without torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from gpu_job.models.download import DownloadFailed


def convert_ecapa(checkpoint: Path, target: Path) -> None:
    """Rebuild the network of a SpeechBrain ECAPA-TDNN checkpoint as an ONNX file.

    Raises:
        DownloadFailed: the checkpoint is not an ECAPA-TDNN of the registered shape.
    """
    import onnx

    from gpu_job.models.ecapa_graph import build_ecapa
    from gpu_job.models.torch_checkpoint import read_tensors

    tensors = read_tensors(checkpoint)
    try:
        model = build_ecapa(tensors)
        onnx.checker.check_model(model, full_check=True)
    except (KeyError, ValueError, onnx.checker.ValidationError) as exc:
        msg = f"{checkpoint.name} does not hold the expected network: {exc}"
        raise DownloadFailed(msg) from exc
    partial = target.with_name(target.name + ".convert")
    onnx.save_model(model, str(partial))
    partial.replace(target)


#: Recipe name in the registry to function (downloaded file, derived file).
RECIPES: Mapping[str, Callable[[Path, Path], None]] = {"ecapa-onnx": convert_ecapa}
