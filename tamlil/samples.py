"""The committed sample: two real voices in the public domain (see samples/README.md)."""

from __future__ import annotations

from pathlib import Path

from shared.domain.errors import NotFound

#: In a wheel beside this package; in a checkout beside its folder.
_FOLDERS = (Path(__file__).parent / "samples", Path(__file__).parent.parent / "samples")

TWO_VOICES = "two_voices.flac"


def sample_path(name: str = TWO_VOICES) -> Path:
    """Where a sample lies.

    Raises:
        NotFound: this installation came without it.
    """
    for folder in _FOLDERS:
        if (folder / name).is_file():
            return folder / name
    raise NotFound(f"the sample {name} is not part of this installation", code="sample_not_found")
