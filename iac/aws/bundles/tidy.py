"""Makes a folder a bundle: only what a function reads, byte code, always the same bytes."""

from __future__ import annotations

import os
import shutil
import subprocess
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from iac.aws.bundles.reach import BundleError, reach_within

#: Where a function's code lies; traces name files there.
TASK_ROOT = "/var/task"
#: Midnight, 1 January 1980 UTC: the earliest time that a zip knows.
EPOCH = 315_532_800
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)

#: Stubs, headers, and what installers leave behind.
_NEVER_READ = ("*.pyi", "py.typed", "*.pyx", "*.pxd", "*.c", "*.h", ".lock")
#: Programs, tests, and assets of features that no function has, by path below the bundle.
_NEVER_USED = (
    "bin",
    "wrapt-stubs",
    "anyio/pytest_plugin.py",
    "anyio/_backends/_trio.py",
    "pydantic/mypy.py",
    "pydantic/v1/mypy.py",
    "pydantic/v1/_hypothesis_plugin.py",
    "aws_xray_sdk/ext/aiohttp",
    "aws_xray_sdk/ext/django",
    "aws_xray_sdk/ext/flask*",
    "aws_xray_sdk/ext/sqlalchemy*",
)
#: Packages of which each function uses a small part: what its imports can't reach is left out.
_TRIMMED = ("aws_lambda_powertools",)
#: Of no use without the other package, which looks for its models.
_WITHOUT = {"pydantic/v1": "fastapi"}
#: `importlib.metadata` reads the first two (OpenTelemetry finds its parts so); licences ask to be
#: kept with the code.
_KEPT_OF_INFO = ("METADATA", "entry_points.txt", "licenses", "LICENSE*")


def strip(folder: Path) -> None:
    """Remove what is never read at run time."""
    for pattern in _NEVER_READ:
        for path in folder.rglob(pattern):
            path.unlink()
    doomed = [*folder.rglob("__pycache__")]
    doomed += [path for pattern in _NEVER_USED for path in folder.glob(pattern)]
    for info in folder.glob("*.dist-info"):
        doomed += [p for p in info.iterdir() if not any(p.match(kept) for kept in _KEPT_OF_INFO)]
    for path in doomed:
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def trim(folder: Path, names: Iterable[str]) -> None:
    """Remove what these imports can't reach, of packages that hold much more."""
    for package in _TRIMMED:
        reached = set(reach_within(folder, package, names).files.values())
        for path in folder.glob(f"{package}/**/*"):
            if path.is_file() and path not in reached:
                path.unlink()
        _drop_empty(folder / package)
    for part, needs in _WITHOUT.items():
        if not (folder / needs).exists():
            shutil.rmtree(folder / part, ignore_errors=True)


def _drop_empty(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()


def compile_all(folder: Path, python: str) -> None:
    """Byte code that is never checked against the source: Lambda can't write, nor has it changed.

    Raises:
        BundleError: a file is no Python of that version.
    """
    command = [python, "-m", "compileall", "-q", "-f", "--invalidation-mode", "unchecked-hash"]
    command += ["-s", str(folder), "-p", TASK_ROOT, str(folder)]
    # Without a hash seed the members of a set constant come in any order.
    environment = {"PATH": os.environ.get("PATH", ""), "PYTHONHASHSEED": "0"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BundleError(f"compiling failed:\n{done.stdout}{done.stderr}")


def settle(folder: Path) -> None:
    """Give every file and folder the same time and mode."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
        os.utime(path, (EPOCH, EPOCH))


def files(folder: Path) -> Iterator[Path]:
    """All files, in one order."""
    yield from sorted(path for path in folder.rglob("*") if path.is_file())


def pack(folder: Path, target: Path) -> int:
    """Write the bundle as a zip, the same bytes for the same files; returns its size (bytes)."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files(folder):
            info = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _ZIP_TIME)
            info.external_attr = 0o100644 << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, path.read_bytes())
    return target.stat().st_size
