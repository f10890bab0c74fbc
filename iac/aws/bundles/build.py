"""From a function's name to its bundle."""

from __future__ import annotations

import shutil
import tempfile
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from iac.aws.bundles.packages import RUNTIME, Target, closure, distributions, install
from iac.aws.bundles.reach import reach
from iac.aws.bundles.tidy import compile_all, settle, strip, trim

ROOT = Path(__file__).resolve().parents[3]

#: Entry points by their logical id in template.yaml.
ENTRIES = {
    "ApiFunction": "functions.api.app",
    "IntakeFunction": "functions.intake.app",
    "DispatchFunction": "functions.dispatch.app",
    "WebhookFunction": "functions.webhook.app",
    "SweepFunction": "functions.sweep.app",
}
#: Files that our modules read where they lie, such as the model registry.
DATA = (".toml",)
MIB = 1 << 20
#: Bytes of the zip that a bundle should not pass: each is unpacked at a cold start.
#: The intake reads options as the API does, with pydantic, which is 3 MB zipped by itself: 4 MB
#: would be the aim.
LIMITS = dict.fromkeys(ENTRIES, 4 * MIB) | {"ApiFunction": 8 * MIB, "IntakeFunction": 6 * MIB}


def build(function: str, out: Path, target: Target, *, root: Path = ROOT) -> None:
    """Put the bundle of a function (a logical id) into the folder `out`.

    Raises:
        BundleError: it can't be built; says why.
    """
    reached = reach(root, ENTRIES[function])
    with _Assembly(out) as assembly:
        assembly.bring(root, distributions(reached.foreign), target)
        trim(assembly.folder, reached.others)
        assembly.copy(root, {*reached.files.values(), *reached.data()})
        assembly.name_version(root)
        assembly.finish(target)


def build_packages(
    names: Iterable[str],
    out: Path,
    target: Target,
    *,
    sources: Iterable[Path] = (),
    runtime: bool = False,
    root: Path = ROOT,
) -> None:
    """A bundle of distributions and single source files, by the same rules.

    With `runtime` what the Lambda runtime has is brought too: it stands in for the runtime.
    """
    with _Assembly(out) as assembly:
        assembly.bring(root, frozenset(names), target, runtime=runtime)
        for source in sources:
            shutil.copyfile(source, assembly.folder / source.name)
        assembly.finish(target)


class _Assembly:
    """A temporary folder that becomes `out` when all went well; what was in `out` goes."""

    def __init__(self, out: Path) -> None:
        self._out = out

    def __enter__(self) -> Self:
        self._temporary = tempfile.TemporaryDirectory(prefix="tamlil-bundle-")
        self.folder = Path(self._temporary.name) / "bundle"
        self.folder.mkdir()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            shutil.rmtree(self._out, ignore_errors=True)
            shutil.copytree(self.folder, self._out)
        self._temporary.cleanup()

    def bring(
        self, root: Path, names: frozenset[str], target: Target, *, runtime: bool = False
    ) -> None:
        """Install these distributions and what they need."""
        without = () if runtime else RUNTIME
        needed = closure(root / "uv.lock", names, without=without)
        if needed:
            install(root, needed, target, self.folder)

    def copy(self, root: Path, sources: Iterable[Path]) -> None:
        """Copy files of ours, and data files beside them, to where they lie in the checkout."""
        code = list(sources)
        data = {
            beside
            for folder in {source.parent for source in code}
            for suffix in DATA
            for beside in folder.glob(f"*{suffix}")
        }
        for source in (*code, *sorted(data)):
            place = self.folder / source.relative_to(root)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, place)

    def name_version(self, root: Path) -> None:
        """Write what ``importlib.metadata.version("tamlil")`` reads."""
        project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        name, version = project["name"], project["version"]
        info = self.folder / f"{name}-{version}.dist-info"
        info.mkdir()
        text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        (info / "METADATA").write_text(text, encoding="utf-8")

    def finish(self, target: Target) -> None:
        """Strip, compile, settle."""
        strip(self.folder)
        compile_all(self.folder, target.python)
        settle(self.folder)
