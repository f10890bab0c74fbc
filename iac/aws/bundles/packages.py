"""Other people's packages: which ones a bundle needs, from the lock file, checked by hash."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iac.aws.bundles.reach import BundleError

#: What the Lambda runtime has, in its own versions; a second copy would only cost start time.
RUNTIME = frozenset(
    "boto3 botocore jmespath python-dateutil s3transfer six urllib3".split()
)  # fmt: skip
#: Modules that are imported where they are installed. Word documents take lxml: with its parser
#: alone and python-docx the API's zip grew from 7.7 to 10.7 MB, and 8 MiB is its limit.
OPTIONAL = frozenset({"docx"})
#: Distributions that are not called like their module.
DISTRIBUTIONS = {"ulid": "python-ulid", "dateutil": "python-dateutil"}
#: Imported by a framework only when a request needs it, so nobody's imports show it.
IMPLIED = {"fastapi": ("python-multipart",)}
#: Extras that a distribution is wanted with.
EXTRAS = {"aws-lambda-powertools": ("tracer",)}

_PLATFORMS = {"arm64": "aarch64-manylinux_2_28", "x86_64": "x86_64-manylinux_2_28"}
ARCHITECTURES = tuple(_PLATFORMS)


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """Where a bundle runs: Python version and CPU; `python` is an interpreter of that version."""

    version: str
    architecture: str
    python: str


def distributions(modules: Iterable[str]) -> frozenset[str]:
    """The distributions of these modules that a bundle must bring."""
    names = {DISTRIBUTIONS.get(name, name.replace("_", "-")) for name in modules}
    implied = {more for name in names for more in IMPLIED.get(name, ())}
    return frozenset((names | implied) - OPTIONAL - RUNTIME)


def closure(lock: Path, wanted: Iterable[str], *, without: Iterable[str] = ()) -> frozenset[str]:
    """The wanted distributions and all that they need, by the lock file.

    Raises:
        BundleError: one is not in the lock file.
    """
    known = _locked(lock)
    found: set[str] = set()
    waiting = [*wanted]
    while waiting:
        name = waiting.pop()
        if name in found or name in without:
            continue
        if name not in known:
            raise BundleError(f"{name} is imported, and uv.lock does not know it")
        found.add(name)
        waiting += _needs(known[name], EXTRAS.get(name, ()))
    return frozenset(found)


def _locked(lock: Path) -> dict[str, list[dict[str, Any]]]:
    """A package may be locked in several versions, for several Pythons."""
    known: dict[str, list[dict[str, Any]]] = {}
    for package in tomllib.loads(lock.read_text(encoding="utf-8"))["package"]:
        known.setdefault(package["name"], []).append(package)
    return known


def _needs(versions: list[dict[str, Any]], extras: Iterable[str]) -> Iterator[str]:
    for package in versions:
        optional = package.get("optional-dependencies", {})
        for group in (package.get("dependencies", []), *(optional.get(e, []) for e in extras)):
            yield from (need["name"] for need in group)


def install(root: Path, names: frozenset[str], target: Target, folder: Path) -> None:
    """Unpack these distributions, in the locked versions, for the target's Python and CPU.

    Raises:
        BundleError: the lock file is stale, or a wheel is missing or not the one that was locked.
    """
    pinned = folder.parent / f"{folder.name}.txt"
    pinned.write_text(_requirements(root, names), encoding="utf-8")
    command = [_uv(), "pip", "install", "--quiet", "--no-config", "--no-deps", "--require-hashes"]
    command += ["--only-binary", ":all:", "--link-mode", "copy", "--no-compile-bytecode"]
    command += ["--python", target.python, "--python-version", target.version]
    command += ["--python-platform", _PLATFORMS[target.architecture]]
    command += ["--target", str(folder), "--requirements", str(pinned)]
    _run(command, root)
    pinned.unlink()


def _requirements(root: Path, names: frozenset[str]) -> str:
    """These names' part of the lock file, as requirements with hashes."""
    command = [_uv(), "export", "--locked", "--quiet", "--no-emit-project", "--no-annotate"]
    command += ["--no-header", "--extra", "api", "--extra", "aws", "--group", "dev"]
    exported = _run([*command, "--python", sys.executable], root)
    blocks = re.split(r"\n(?=\S)", exported.strip())
    chosen = [block for block in blocks if _name(block) in names]
    missing = names - {_name(block) for block in chosen}
    if missing:
        raise BundleError(f"neither extra api nor aws brings {', '.join(sorted(missing))}")
    return "\n".join(chosen) + "\n"


def _name(requirement: str) -> str:
    return re.split(r"[=\[; ]", requirement, maxsplit=1)[0]


def _uv() -> str:
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.is_file() else shutil.which("uv")
    if found is None:
        raise BundleError("uv is missing; `make build-aws` brings it")
    return found


def _run(command: list[str], root: Path) -> str:
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BundleError(f"{' '.join(command[:3])} failed:\n{done.stderr.strip()}")
    return done.stdout
