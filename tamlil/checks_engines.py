"""What `tamlil doctor` tells of the devices, and of the engines that would run on them."""

from __future__ import annotations

import shutil
import subprocess

from shared.models.registry import PYANNOTE_MODEL
from shared.settings import Settings
from tamlil.findings import Check, fail, ok, warn
from tamlil.needs import has_extra


def gpu(settings: Settings) -> Check:
    """The GPUs that the driver knows."""
    program = shutil.which("nvidia-smi")
    names: list[str] = []
    if program is not None:
        query = [program, "--query-gpu=name", "--format=csv,noheader"]
        try:
            done = subprocess.run(query, capture_output=True, text=True, timeout=10, check=False)  # noqa: S603 - a fixed query
        except (OSError, subprocess.TimeoutExpired):
            return warn("GPU", "nvidia-smi does not answer", "Look at the NVIDIA driver.")
        names = done.stdout.split("\n")[:-1] if done.returncode == 0 else []
    if names:
        return ok("GPU", ", ".join(names))
    if settings.device == "cuda":
        return fail("GPU", "none seen", "TAMLIL_DEVICE is cuda; set it to auto or cpu.")
    return ok("GPU", "none seen; the CPU is used")


def engines(settings: Settings) -> Check:
    """The device and number format of Whisper, and the diarizer."""
    if not has_extra("cpu"):
        return fail("engines", "faster-whisper is not installed", "pip install 'tamlil[cpu]'")
    from gpu_job.engines.whisper_backend import default_compute_type, resolve_device

    device = resolve_device(settings.device)
    compute = settings.compute_type or default_compute_type(device)
    found = f"Whisper on {device} in {compute}; diarizer {settings.diarizer}"
    if settings.diarizer == "embedded":
        return ok("engines", found)
    if not has_extra("gpu"):
        advice = "pip install 'tamlil[gpu]', or set TAMLIL_DIARIZER to embedded."
        return fail("engines", f"{found}, which is not installed", advice)
    from gpu_job.models.cache import verify

    if settings.pyannote_dir:
        if (settings.pyannote_dir / "config.yaml").is_file():
            return ok("engines", f"{found} from {settings.pyannote_dir}")
        advice = "TAMLIL_PYANNOTE_DIR must hold a pipeline's config.yaml."
        return fail("engines", f"{found} from {settings.pyannote_dir}", advice)
    if not verify(PYANNOTE_MODEL, settings.models_dir).installed:
        advice = f"With TAMLIL_HF_TOKEN set: tamlil models pull {PYANNOTE_MODEL}"
        return warn("engines", f"{found}, whose weights are not here yet", advice)
    return ok("engines", found)
