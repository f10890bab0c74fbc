"""Finds an interpreter of the runtime's version: byte code is compiled by the Python it is for."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from iac.aws.bundles.reach import BundleError

_ANSWER_SECONDS = 20


def find_python(version: str) -> str:
    """Return the path of a CPython `version` (as in "3.13"): this one, on PATH, pyenv's, or uv's.

    Raises:
        BundleError: there is none; says where was looked and how to get one.
    """
    for candidate in _candidates(version):
        if _version_of(candidate) == version:
            return candidate
    raise BundleError(
        f"no Python {version} was found (on PATH as python{version}, under pyenv, under uv), and"
        f" byte code for the Lambda runtime is made by the same version. Install one, for example"
        f" with `uv python install {version}`, and build again."
    )


def _candidates(version: str) -> Iterator[str]:
    yield f"{sys.base_prefix}/bin/python{version}"  # ours, if it fits, without its environment
    on_path = shutil.which(f"python{version}")
    if on_path:
        yield on_path
    pyenv = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser() / "versions"
    data = Path(os.environ.get("XDG_DATA_HOME", "~/.local/share")).expanduser()
    managed = Path(os.environ.get("UV_PYTHON_INSTALL_DIR", data / "uv" / "python"))
    for folder, pattern in ((pyenv, f"{version}.*"), (managed, f"cpython-{version}.*")):
        yield from map(str, sorted(folder.glob(f"{pattern}/bin/python{version}"), reverse=True))


def _version_of(python: str) -> str | None:
    """None where it does not run: a shim on PATH may stand for nothing."""
    code = "import sys; print(sys.implementation.name, *sys.version_info[:2])"
    try:
        done = subprocess.run(
            [python, "-c", code],
            capture_output=True, text=True, check=False, timeout=_ANSWER_SECONDS,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    name, _, version = done.stdout.strip().partition(" ")
    return version.replace(" ", ".") if name == "cpython" else None
