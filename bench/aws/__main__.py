"""``python -m bench.aws``: measure, print the table, add the rows to the JSON.

Exit code 0 also when a target is missed, which the table says; 1 when something could not be
measured.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from bench.aws import cold_start
from bench.aws.calls import count_calls
from bench.aws.starts import all_starts
from bench.child import ROOT
from bench.report import table, write_json
from tests.support.bundles import Bundles, target_here

_ROUNDS = 15


def main(arguments: list[str] | None = None) -> int:
    """Run; returns the exit code."""
    asked = _parser().parse_args(arguments)
    target = target_here()
    print(_machine(target.version), flush=True)
    with tempfile.TemporaryDirectory(prefix="tamlil-bench-") as folder:
        bundles = Bundles(folder=Path(folder) / "bundles", target=target)
        with all_starts(bundles, Path(folder)) as starts:
            took = cold_start.measure(
                starts, bundles.runtime(), rounds=asked.rounds, folder=Path(folder)
            )
        calls = count_calls(Path(folder) / "calls")
    rows = (*cold_start.rows(starts, took), *calls)
    write_json(rows, asked.out)
    print(f"\n{table(rows)}\n\n- middle half of {asked.rounds} rounds:")
    for line in cold_start.spread(took):
        print(f"  - {line}")
    print(f"\nwritten to {asked.out}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.aws", description=__doc__)
    parser.add_argument("--rounds", type=int, default=_ROUNDS, help=f"of all starts ({_ROUNDS})")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "bench.json")
    return parser


def _machine(runtime: str) -> str:
    packages = ("tamlil", "fastapi", "pydantic", "boto3", "awslambdaric", "aws-lambda-powertools")
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    return (
        f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, {platform.machine()}"
        f" {platform.system()}, load {os.getloadavg()[0]:.1f} before the start\n"
        f"Python {runtime}, {versions}"
    )


if __name__ == "__main__":
    sys.exit(main())
