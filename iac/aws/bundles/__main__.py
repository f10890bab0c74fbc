"""``python -m iac.aws.bundles``: build one function's bundle, or tell the sizes of built ones.

Exit code 1 when a bundle can't be built, or is larger than it should be.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from iac.aws.bundles.build import ENTRIES, LIMITS, MIB, build
from iac.aws.bundles.packages import ARCHITECTURES, Target
from iac.aws.bundles.pythons import find_python
from iac.aws.bundles.reach import BundleError
from iac.aws.bundles.tidy import files, pack

#: What template.yaml deploys to.
RUNTIME_VERSION, RUNTIME_ARCHITECTURE = "3.13", "arm64"


def main(arguments: list[str] | None = None) -> int:
    """Do what was asked for; returns the exit code."""
    asked = _parser().parse_args(arguments)
    try:
        if asked.sizes:
            return _tell_sizes(asked.sizes)
        python = find_python(asked.python_version)
        target = Target(
            version=asked.python_version, architecture=asked.architecture, python=python
        )
        for function in asked.functions or ENTRIES:
            build(function, asked.out if asked.functions else asked.out / function, target)
    except BundleError as exc:
        print(exc, file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m iac.aws.bundles", description=__doc__)
    parser.add_argument(
        "functions", nargs="*", choices=[[], *ENTRIES], metavar="FUNCTION",
        help=f"one of {', '.join(ENTRIES)}; all, each in its own folder, when none is named",
    )  # fmt: skip
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--out", type=Path, help="the folder that becomes the bundle")
    where.add_argument("--sizes", type=Path, help="tell the sizes of the bundles in this folder")
    parser.add_argument("--python-version", default=RUNTIME_VERSION)
    parser.add_argument("--architecture", choices=ARCHITECTURES, default=RUNTIME_ARCHITECTURE)
    return parser


def _tell_sizes(folder: Path) -> int:
    too_large = 0
    with tempfile.TemporaryDirectory() as temporary:
        for function, limit in LIMITS.items():
            if not (folder / function).is_dir():
                raise BundleError(f"{function} is not in {folder}")
            zipped = pack(folder / function, Path(temporary) / "bundle.zip")
            whole = sum(path.stat().st_size for path in files(folder / function))
            verdict = "" if zipped <= limit else "  TOO LARGE"
            print(
                f"{function:18} {zipped / MIB:5.2f} MiB zipped (at most {limit / MIB:.0f}),"
                f" {whole / MIB:5.2f} MiB unpacked{verdict}"
            )
            too_large += zipped > limit
    return 1 if too_large else 0


if __name__ == "__main__":
    sys.exit(main())
