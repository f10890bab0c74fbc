"""Built bundles and a stand-in for the Lambda runtime, for this machine's CPU.

Built once a test run, by the builder that `sam build` calls, and for the runtime's Python; where
that is not installed, for the one that runs the tests.
"""

from __future__ import annotations

import fcntl
import platform
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from iac.aws.bundles.__main__ import RUNTIME_VERSION
from iac.aws.bundles.build import build, build_packages
from iac.aws.bundles.packages import Target
from iac.aws.bundles.pythons import find_python
from iac.aws.bundles.reach import BundleError
from tests.support.lambda_process import Runtime

RUNNING_VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
_CPUS = {"x86_64": "x86_64", "AMD64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}


def target_here() -> Target:
    """The runtime's Python on this CPU; the running Python where that is missing."""
    cpu = _CPUS[platform.machine()]
    for version in (RUNTIME_VERSION, RUNNING_VERSION):
        try:
            return Target(version=version, architecture=cpu, python=find_python(version))
        except BundleError as exc:
            reason = exc
    raise reason


@dataclass(frozen=True, kw_only=True, slots=True)
class Bundles:
    """Folders that are built when first asked for, below `folder`."""

    folder: Path
    target: Target

    def function(self, name: str) -> Path:
        """The bundle of a function (a logical id)."""
        return self._built(name, lambda out: build(name, out, self.target))

    def runtime(self) -> Runtime:
        """What ``/var/runtime`` has: the runtime client and boto3, in the locked versions."""

        def make(out: Path) -> None:
            build_packages(("awslambdaric", "boto3"), out, self.target, runtime=True)

        return Runtime(python=self.target.python, folder=self._built("runtime", make))

    def bare(self, source: Path, *packages: str) -> Path:
        """A bundle of one file and what it needs, by the same rules."""

        def make(out: Path) -> None:
            build_packages(packages, out, self.target, sources=[source])

        return self._built(source.stem, make)

    def _built(self, name: str, make: Callable[[Path], None]) -> Path:
        out = self.folder / name
        with _locked(self.folder / f"{name}.lock"):
            if not out.is_dir():
                make(out)
        return out


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One process builds, the others wait for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
