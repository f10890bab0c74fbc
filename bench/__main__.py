"""``python -m bench``: measure, print the table, write the JSON.

Exit code 0 also when a target is missed, which the table says; 1 when a benchmark could not be
carried out, when a job was lost or told twice, or when a submit was answered with an error.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
import traceback
from importlib.metadata import version
from pathlib import Path

from bench import job_end_to_end, long_run, queue_drain, submit_latency
from bench.child import ROOT
from bench.findings import Benchmark, Findings, Plan
from bench.report import table, write_json
from bench.transcript import run as transcript
from gpu_job.engines.whisper_backend import available_cores

BENCHMARKS: dict[str, Benchmark] = {
    "job": job_end_to_end.run,
    "submit": submit_latency.run,
    "queue": queue_drain.run,
    "transcript": transcript.run,
    "long": long_run.run,
}
#: Minutes each; the others take longer and are run by name.
_USUAL = ("job", "submit", "queue")
_ROUNDS, _QUICK_ROUNDS = 5, 1
_FEWER_ROUNDS = {"transcript": 3}


def main(arguments: list[str] | None = None) -> int:
    """Run what was asked for; returns the exit code."""
    asked = _parser().parse_args(arguments)
    print(_machine(), flush=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="tamlil-bench-") as folder:
        results = [_run(name, asked, Path(folder)) for name in asked.only or _USUAL]
    rows = [row for found in results for row in found.rows]
    write_json(rows, asked.out)
    _tell_text("\n\n".join(found.text for found in results if found.text), asked.out)
    print(f"\n{table(rows)}\n")
    for note in (note for found in results for note in found.notes):
        print(f"- {note}")
    failures = [failure for found in results for failure in found.failures]
    for failure in failures:
        print(f"FAILED {failure}", file=sys.stderr)
    print(f"\n{time.monotonic() - began:.0f} s in all; written to {asked.out}")
    return 1 if failures else 0


def _run(name: str, asked: argparse.Namespace, folder: Path) -> Findings:
    print(f"{name} ...", flush=True)
    own = folder / name
    own.mkdir()
    usual = _QUICK_ROUNDS if asked.quick else _FEWER_ROUNDS.get(name, _ROUNDS)
    plan = Plan(
        folder=own,
        audio=asked.audio,
        rounds=asked.rounds or usual,
        quick=asked.quick,
        data=asked.data,
        recordings=tuple(asked.recording or ()),
        hours=tuple(asked.hours or ()),
        sparse_hours=tuple(asked.sparse_hours or ()),
    )
    try:
        return BENCHMARKS[name](plan)
    except Exception as exc:  # noqa: BLE001 - told in full; the other benchmarks still count
        traceback.print_exc()
        return Findings(rows=(), failures=(f"{name}: {type(exc).__name__}: {exc}",))


def _tell_text(text: str, beside: Path) -> None:
    """Print what is for the documentation, with the machine it was measured on, and keep it."""
    if text:
        text = f"{_machine()}\n\n{text}\n"
        path = beside.with_suffix(".md")
        path.write_text(text, encoding="utf-8")
        print(f"\n{text}\nAlso in {path}.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--only", action="append", choices=BENCHMARKS, help="this one; may be given again"
    )
    parser.add_argument("--rounds", type=_positive, help=f"of each ({_ROUNDS}; transcript 3)")
    parser.add_argument("--quick", action="store_true", help="less of everything, under 2 minutes")
    parser.add_argument("--audio", type=_file, help="instead of the committed sample, repeated")
    parser.add_argument("--data", type=_folder, help="transcript: recordings with references")
    parser.add_argument(
        "--recording", action="append", help="transcript: this file or set; may be given again"
    )
    parser.add_argument(
        "--hours", action="append", type=float, help="long: so much audio; may be given again"
    )
    parser.add_argument(
        "--sparse-hours", action="append", type=float, help="long: and so much near silence"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "bench.json")
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return value


def _file(text: str) -> Path:
    path = Path(text).resolve()
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"no file {text}")
    return path


def _folder(text: str) -> Path:
    path = Path(text).resolve()
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"no folder {text}")
    return path


def _machine() -> str:
    """What the figures depend on; a machine that is not idle is said to be so."""
    cores = available_cores()
    load = os.getloadavg()[0]
    packages = ("tamlil", "faster-whisper", "ctranslate2", "fastapi", "uvicorn")
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    lines = [
        (
            f"{time.strftime('%Y-%m-%d')}, {cores} cores, {platform.machine()}"
            f" {platform.system()}, load {load:.1f} before the start"
        ),
        f"Python {platform.python_version()}, {versions}",
    ]
    if load > 0.3 * cores:
        lines.append("The machine is busy with something else: expect noise.")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
