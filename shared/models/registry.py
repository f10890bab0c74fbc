"""The registry of models: names, files by content, licences, sources and what each can do.

The data is `registry.toml` beside this file. The API reads it to answer `GET /api/v1/models` and to
refuse options that a model can't honour; `gpu_job.models` reads it to fetch and verify weights.
Standard library only.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from shared.domain.errors import ModelUnavailable
from shared.domain.options import LANGUAGES

ModelKind = Literal["whisper", "segmentation", "embedding", "diarization"]

#: What a deployment needs to transcribe and to tell speakers apart, without a hub.
DEFAULT_MODELS = ("base", "segmentation-3.0", "ecapa")

#: The pipeline of the diarizer `pyannote`, unless a deployment names a folder of its own.
PYANNOTE_MODEL = "pyannote-community-1"


@dataclass(frozen=True, kw_only=True, slots=True)
class FileSpec:
    """One file of a model. `size` (bytes) and `sha256` are None where nobody could hash it yet."""

    path: str
    size: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class DerivedFile:
    """A file that is made from a downloaded one by a named recipe of `gpu_job.models.convert`."""

    path: str
    source: str
    recipe: str


@dataclass(frozen=True, kw_only=True, slots=True)
class HubSource:
    """A Hugging Face repository; its files carry the names of the registry."""

    repo: str
    revision: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PackageSource:
    """Archives on a package index (``name==version``) and where the files lie inside them.

    `members` maps a file to ``project:path/in/archive`` parts, to be joined in their order.
    `sdist` picks the source archive, which is read and never built.
    """

    archives: tuple[str, ...]
    members: Mapping[str, tuple[str, ...]]
    sdist: bool = False


Source = HubSource | PackageSource


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelSpec:
    """A model. `languages` is empty for kinds other than whisper.

    `multilingual` models can detect the language; a tuned or English model works in the one
    language that it names.
    """

    name: str
    kind: ModelKind
    engine: str
    title: str
    licence: str
    files: tuple[FileSpec, ...]
    sources: tuple[Source, ...]
    derived: tuple[DerivedFile, ...] = ()
    aliases: tuple[str, ...] = ()
    languages: frozenset[str] = frozenset()
    multilingual: bool = False
    can_translate: bool = False

    @property
    def size_bytes(self) -> int | None:
        """Bytes to download, or None when a file's size is not known yet."""
        sizes = [file.size for file in self.files]
        known = [size for size in sizes if size is not None]
        return sum(known) if len(known) == len(sizes) else None

    @property
    def default(self) -> bool:
        """Whether `tamlil models pull` without a name fetches it."""
        return self.name in DEFAULT_MODELS


@cache
def load_registry(path: Path | None = None) -> Mapping[str, ModelSpec]:
    """Read the registry (the packaged one by default): canonical name to model.

    Raises:
        ModelUnavailable: `path` is not a registry file.
    """
    chosen = path or Path(__file__).with_name("registry.toml")
    try:
        table = tomllib.loads(chosen.read_text(encoding="utf-8"))["models"]
        specs = {name: _model(name, entry) for name, entry in table.items()}
    except (OSError, KeyError, TypeError, ValueError) as exc:
        msg = f"model registry {chosen.name} can't be read: {exc}"
        raise ModelUnavailable(msg, code="invalid_model_registry") from exc
    return MappingProxyType(specs)


def find_model(name: str, registry: Mapping[str, ModelSpec] | None = None) -> ModelSpec:
    """Return the model of that name or alias.

    Raises:
        ModelUnavailable: nobody has registered it (code ``unknown_model``).
    """
    specs = load_registry() if registry is None else registry
    if name in specs:
        return specs[name]
    for spec in specs.values():
        if name in spec.aliases:
            return spec
    msg = f"model {name[:80]!r} is not registered; known: {', '.join(sorted(specs))}"
    raise ModelUnavailable(msg, code="unknown_model", field="model")


def _model(name: str, entry: Mapping[str, Any]) -> ModelSpec:
    languages = entry.get("languages", [])
    multilingual = languages == "multilingual"
    return ModelSpec(
        name=name,
        kind=entry["kind"],
        engine=entry["engine"],
        title=entry["title"],
        licence=entry["licence"],
        files=tuple(FileSpec(**file) for file in entry["files"]),
        sources=tuple(_source(source) for source in entry["sources"]),
        derived=tuple(
            DerivedFile(path=item["path"], source=item["from"], recipe=item["recipe"])
            for item in entry.get("derived", [])
        ),
        aliases=tuple(entry.get("aliases", [])),
        languages=LANGUAGES if multilingual else frozenset(languages),
        multilingual=multilingual,
        can_translate=entry.get("can_translate", False),
    )


def _source(entry: Mapping[str, Any]) -> Source:
    if entry["kind"] == "hub":
        return HubSource(repo=entry["repo"], revision=entry["revision"])
    if entry["kind"] == "package":
        return PackageSource(
            archives=tuple(entry["archives"]),
            members={path: tuple(parts) for path, parts in entry["members"].items()},
            sdist=entry.get("sdist", False),
        )
    msg = f"unknown source kind {entry['kind']!r}"
    raise ValueError(msg)
