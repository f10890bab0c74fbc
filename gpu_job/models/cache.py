"""The local cache of models: ``<models_dir>/<name>/<files>`` and a manifest.

The manifest stamps each file with its size, modification time and sha256, so that starting a worker
costs a `stat` per file and not the hashing of all weights. A file whose stamp does not match
is hashed again; what is not the registered content is not used.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from shared.models.registry import ModelSpec, find_model, load_registry

MANIFEST = "manifest.json"
_BLOCK = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Stamp:
    """A file as it was when hashed. `mtime` is in whole seconds: image layers keep no more."""

    size: int
    mtime: int
    sha256: str


@dataclass(frozen=True, kw_only=True, slots=True)
class FileStatus:
    """One file of a model on this machine."""

    path: str
    ok: bool
    size: int = 0
    sha256: str | None = None
    detail: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelStatus:
    """One model on this machine; `files` is empty when it was never pulled."""

    spec: ModelSpec
    path: Path
    files: tuple[FileStatus, ...] = ()

    @property
    def installed(self) -> bool:
        """Whether every file is there and is the registered one."""
        return bool(self.files) and all(file.ok for file in self.files)


def list_models(
    models_dir: Path, registry: Mapping[str, ModelSpec] | None = None
) -> tuple[ModelStatus, ...]:
    """Every registered model and how it stands here, by stamps (quick)."""
    specs = load_registry() if registry is None else registry
    return tuple(inspect(spec, models_dir / spec.name) for spec in specs.values())


def verify(
    name: str, models_dir: Path, registry: Mapping[str, ModelSpec] | None = None
) -> ModelStatus:
    """Hash every file of a model again, whatever the stamps say.

    Raises:
        ModelUnavailable: no such model is registered.
    """
    spec = find_model(name, registry)
    return inspect(spec, models_dir / spec.name, trust_stamps=False)


def inspect(spec: ModelSpec, folder: Path, *, trust_stamps: bool = True) -> ModelStatus:
    """Check a model's folder against the registry and the manifest."""
    if not folder.is_dir():
        return ModelStatus(spec=spec, path=folder)
    stamps = read_manifest(folder)
    expected = {file.path: file.sha256 for file in spec.files}
    expected |= {file.path: None for file in spec.derived}
    files = tuple(
        _check(folder, path, sha256, stamps.get(path), trust_stamps=trust_stamps)
        for path, sha256 in expected.items()
    )
    return ModelStatus(spec=spec, path=folder, files=files)


def _check(
    folder: Path, path: str, sha256: str | None, stamp: Stamp | None, *, trust_stamps: bool
) -> FileStatus:
    try:
        stat = (folder / path).stat()
    except FileNotFoundError:
        return FileStatus(path=path, ok=False, detail="missing")
    wanted = sha256 or (stamp.sha256 if stamp else None)
    fresh = stamp is not None and (stamp.size, stamp.mtime) == (stat.st_size, int(stat.st_mtime))
    if trust_stamps and fresh and stamp is not None:
        actual = stamp.sha256
    else:
        actual = hash_file(folder / path)
    ok = wanted is None or actual == wanted
    detail = "" if ok else f"sha256 is {actual}, registered is {wanted}"
    return FileStatus(path=path, ok=ok, size=stat.st_size, sha256=actual, detail=detail)


def hash_file(path: Path, on_bytes: Callable[[int], None] | None = None) -> str:
    """Return the file's sha256 in hex; `on_bytes` hears the bytes read so far."""
    digest = hashlib.sha256()
    done = 0
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
            done += len(block)
            if on_bytes:
                on_bytes(done)
    return digest.hexdigest()


def stamp(path: Path, sha256: str) -> Stamp:
    """Stamp a file whose hash is known."""
    stat = path.stat()
    return Stamp(size=stat.st_size, mtime=int(stat.st_mtime), sha256=sha256)


def read_manifest(folder: Path) -> Mapping[str, Stamp]:
    """Stamps by path; empty when there is no readable manifest (then everything is hashed)."""
    try:
        document = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return {path: Stamp(**entry) for path, entry in document["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def write_manifest(folder: Path, stamps: Mapping[str, Stamp], *, source: str) -> None:
    """Write the manifest in one step. `source` says where the files came from."""
    document = {
        "source": source,
        "files": {path: asdict(entry) for path, entry in sorted(stamps.items())},
    }
    partial = folder / f".{MANIFEST}.{os.getpid()}"
    partial.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    partial.replace(folder / MANIFEST)


def restamp(status: ModelStatus) -> None:
    """Remember the hashes of an intact model, so that the next start need not hash it again.

    A folder that can't be written (a baked image) keeps its old stamps; that is only slower.
    """
    stamps = read_manifest(status.path)
    fresh = {
        file.path: stamp(status.path / file.path, file.sha256)
        for file in status.files
        if file.sha256 is not None
    }
    if status.installed and dict(stamps) != fresh:
        with suppress(OSError):
            write_manifest(status.path, fresh, source="verified in place")
