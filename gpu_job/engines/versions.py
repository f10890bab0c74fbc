"""Which engine libraries decode here."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version

#: Those whose releases may change a transcript; pyannote.audio and torch are there on a GPU only.
_LIBRARIES = ("av", "ctranslate2", "faster-whisper", "onnxruntime", "pyannote.audio", "torch")


@cache
def library_versions() -> tuple[str, ...]:
    """``name==version`` of each that is installed."""
    return tuple(f"{name}=={found}" for name in _LIBRARIES if (found := _installed(name)))


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
