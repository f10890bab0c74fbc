"""Jobs of growing length: whether time grows in step with the audio, and memory not at all."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench.audio import SAMPLE, decoded
from bench.child import Child
from bench.client import Caller
from bench.embedded import embedded_server, make_settings
from bench.findings import BenchmarkBroken, Findings, Plan
from bench.long_audio import write_long
from bench.report import Row, measured
from bench.usage import Meter

_HOURS, _QUICK_HOURS = (1 / 6, 0.5), (1 / 30, 1 / 6)
#: What the shortest file takes for an hour of audio, the longest may take and a tenth more.
_LINEAR = 1.1
#: Whatever the length: one batch, its results, and what the allocator keeps.
_GROWTH = 1.25
_MIB = 1 << 20
_LEAST_WAIT, _WAIT_FOR_EACH_SECOND = 600.0, 3.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """One job: seconds of audio, of the job, of its CPUs; MiB of server and worker at most."""

    audio: float
    wall: float
    cpu: float
    peak: float
    segments: int
    words: int

    @property
    def hourly(self) -> float:
        """Seconds for an hour of audio."""
        return self.wall * 3600 / self.audio


def run(plan: Plan) -> Findings:
    """A fresh server and worker for each length, so that each peak is of that job alone."""
    clip = decoded(plan.audio or SAMPLE).samples[:]
    rows: list[Row] = []
    dense, lines = [], []
    hours = plan.hours or (_QUICK_HOURS if plan.quick else _HOURS)
    wanted = [(each, False) for each in sorted(hours)]
    wanted += [(each, True) for each in sorted(plan.sparse_hours)]
    for each, sparse in wanted:
        seconds = each * 3600
        path = write_long(plan.folder / "long.flac", clip, seconds=seconds, sparse=sparse)
        print(f"  {seconds / 60:.0f} minutes{', nearly all silence' if sparse else ''}", flush=True)
        point = measure(path, plan.folder / f"{seconds:.0f}{sparse}", seconds)
        name = f"long: {seconds / 60:.0f} min" + (" of near silence" if sparse else "")
        rows += point_rows(name, point)
        lines.append(_line(name.removeprefix("long: "), point))
        dense += [] if sparse else [point]
    rows += growth_rows(dense)
    return Findings(rows=tuple(rows), text="\n".join([*_HEAD, *lines]))


def measure(path: Path, folder: Path, seconds: float) -> Point:
    """Submit by signed upload and wait for the transcript.

    Raises:
        BenchmarkBroken: refused, failed, or not over in three times the audio's length.
    """
    longest = max(_LEAST_WAIT, _WAIT_FOR_EACH_SECOND * seconds)
    with ExitStack() as stack:
        child = _server(stack, folder, longest)
        http = httpx.Client(
            base_url=child.ready["url"], headers={"X-API-Key": child.ready["token"]}, timeout=600.0
        )
        caller = Caller(http=stack.enter_context(http))
        with Meter(child.tree) as meter:
            job = caller.transcribe_signed(path, seconds=longest)
            transcript = caller.rendered(job, "json").json()
    heard = float(transcript["duration"])
    if abs(heard - seconds) > 1:
        raise BenchmarkBroken(f"{seconds:.0f} s of audio were given, {heard:.0f} s were heard")
    segments = transcript["segments"]
    return Point(
        audio=heard,
        wall=meter.wall,
        cpu=meter.cpu,
        peak=meter.peak_bytes / _MIB,
        segments=len(segments),
        words=len(transcript["text"].split()),
    )


def _server(stack: ExitStack, folder: Path, longest: float) -> Child:
    settings = make_settings(folder, job_seconds=longest, upload_seconds=longest)
    return stack.enter_context(embedded_server(settings, log=folder.with_suffix(".log")))


def point_rows(name: str, point: Point) -> tuple[Row, ...]:
    """What one length took."""
    return (
        measured(f"{name}: wall time, worker's start included", point.wall, unit="s"),
        measured(f"{name}: wall time an hour of audio", point.hourly, unit="s"),
        measured(f"{name}: CPU time", point.cpu, unit="s"),
        measured(f"{name}: peak memory, server and worker", point.peak, unit="MiB"),
    )


def growth_rows(points: Sequence[Point]) -> tuple[Row, ...]:
    """The longest against the shortest; nothing to say of a single length."""
    if len(points) < 2:
        return ()
    first, last = points[0], points[-1]
    times = f"{last.audio / first.audio:.3g} times the length"
    return (
        measured(
            f"long: CPU time a second of audio at {times}",
            (last.cpu / last.audio) / (first.cpu / first.audio),
            unit="x",
            at_most=_LINEAR,
        ),
        measured(
            f"long: wall time a second of audio at {times}", last.hourly / first.hourly, unit="x"
        ),
        measured(
            f"long: peak memory at {times}", last.peak / first.peak, unit="x", at_most=_GROWTH
        ),
    )


_HEAD = (
    "| audio | wall s | wall s an hour of audio | CPU s | peak MiB | segments | words |",
    "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
)


def _line(name: str, point: Point) -> str:
    figures = (point.wall, point.hourly, point.cpu, point.peak, point.segments, point.words)
    return f"| {name} | {' | '.join(f'{figure:.0f}' for figure in figures)} |"
