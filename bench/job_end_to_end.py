"""A whole job through the embedded server, against faster-whisper called directly.

Both sides transcribe the same file with the same weights, beam, batch size, number type, threads
and word times, in turn: ours, peer, ours, peer. While the peer works, our server and its worker
are suspended, so that their polling does not slow it down; the peer costs nothing while it waits.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from statistics import median
from typing import Any

import httpx

from bench.audio import decoded, long_sample
from bench.child import Child
from bench.client import Caller
from bench.embedded import embedded_server, make_settings
from bench.findings import Findings, Plan
from bench.numbers import median_ratio
from bench.report import Row, lower_is_better, measured
from bench.usage import Meter
from shared.settings import worker_environment

_SECONDS, _QUICK_SECONDS = 180.0, 60.0
_LONGEST_SECONDS = 600.0
#: On a slow or busy machine there are fewer rounds than planned, and the notes say so.
_ROUNDS_SECONDS, _QUICK_ROUNDS_SECONDS = 240.0, 30.0
#: State of the art: a whole job may take a ninth longer than the engine alone.
_TARGET = 0.9
#: Both sides must have done the same work. They cut chunks differently, so words differ a little.
_LEAST_AGREEMENT = 0.9
_MIB = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class _Run:
    """Seconds, seconds of CPU, MiB of the process tree; and what was heard."""

    wall: float
    cpu: float
    peak: float
    text: str
    timings: dict[str, float]


def run(plan: Plan) -> Findings:
    """Cold once, then warm for as many rounds as planned."""
    seconds = _QUICK_SECONDS if plan.quick else _SECONDS
    audio = plan.audio or long_sample(plan.folder / "long.wav", seconds=seconds)
    duration = decoded(audio).duration
    with ExitStack() as stack:
        ours = _start_ours(stack, plan.folder)
        cold_ours = ours.run(audio).wall
        with ours.child.suspended():
            cold_peer, peer = _start_peer(stack, plan.folder)
            cold_peer += peer.run(audio).wall
        mine, theirs = _in_turn(ours, peer, audio, plan)
    agreement = _agreement(mine[-1].text, theirs[-1].text)
    notes = (
        (
            f"job: {duration:.1f} s of audio, {len(mine)} rounds of {plan.rounds};"
            f" {_speed(mine, duration)} x real time as a job,"
            f" {_speed(theirs, duration)} x as the bare engine."
        ),
        f"job: seconds of the last job by step: {mine[-1].timings}",
        "job: cold is one run: the server is up and has no worker; the peer's process is started.",
    )
    failures = () if agreement >= _LEAST_AGREEMENT else ("job: the two transcripts differ",)
    rows = (
        *_rows(mine, theirs),
        lower_is_better("job: cold start to completed", cold_ours, cold_peer, unit="s"),
        measured("job: words alike in both transcripts", 100 * agreement, unit="%"),
    )
    return Findings(rows=rows, notes=notes, failures=failures)


def _in_turn(
    ours: _Ours, peer: _Peer, audio: Path, plan: Plan
) -> tuple[Sequence[_Run], Sequence[_Run]]:
    """Ours, peer, ours, peer; at least one round."""
    mine, theirs = [], []
    deadline = time.monotonic() + (_QUICK_ROUNDS_SECONDS if plan.quick else _ROUNDS_SECONDS)
    for _ in range(plan.rounds):
        mine.append(ours.run(audio))
        with ours.child.suspended():
            theirs.append(peer.run(audio))
        if time.monotonic() > deadline:
            break
    return mine, theirs


class _Ours:
    """The embedded server and its worker."""

    def __init__(self, child: Child, caller: Caller) -> None:
        self.child = child
        self._caller = caller

    def run(self, audio: Path) -> _Run:
        """From the first byte of the submit until the caller holds the transcript."""
        with Meter(self.child.tree) as meter:
            job = self._caller.transcribe(audio)
        return _as_run(meter, self._caller.text(job), job["timings"])


class _Peer:
    """A process that holds the model and does nothing but transcribe."""

    def __init__(self, child: Child) -> None:
        self._child = child

    def run(self, audio: Path) -> _Run:
        """From asking until the whole text is there."""
        with Meter(self._child.tree) as meter:
            found = self._child.ask({"audio": str(audio)}, seconds=_LONGEST_SECONDS)
        return _as_run(meter, found["text"], {})


def _start_ours(stack: ExitStack, folder: Path) -> _Ours:
    """The server, without a worker yet."""
    settings = make_settings(folder / "job", worker_idle_seconds=3600.0)
    child = stack.enter_context(embedded_server(settings, log=folder / "job.log"))
    http = httpx.Client(
        base_url=child.ready["url"], headers={"X-API-Key": child.ready["token"]}, timeout=60.0
    )
    stack.enter_context(http)
    return _Ours(child, Caller(http=http))


def _start_peer(stack: ExitStack, folder: Path) -> tuple[float, _Peer]:
    """The peer with its model loaded, and the seconds that this took."""
    env = worker_environment(make_settings(folder / "job"))
    began = time.perf_counter()
    child = stack.enter_context(Child("bench.raw_whisper", env=env, log=folder / "raw.log"))
    return time.perf_counter() - began, _Peer(child)


def _as_run(meter: Meter, text: str, timings: dict[str, float]) -> _Run:
    return _Run(
        wall=meter.wall, cpu=meter.cpu, peak=meter.peak_bytes / _MIB, text=text, timings=timings
    )


def _rows(mine: Sequence[_Run], theirs: Sequence[_Run]) -> tuple[Row, ...]:
    def row(name: str, field: str, unit: str, target: float | None = None) -> Row:
        ours: list[Any] = [getattr(run, field) for run in mine]
        peer: list[Any] = [getattr(run, field) for run in theirs]
        ratio = median_ratio(peer=peer, ours=ours)
        return lower_is_better(
            name, median(ours), median(peer), unit=unit, ratio=ratio, target=target
        )

    return (
        row("job: wall time, submit to transcript", "wall", "s", _TARGET),
        row("job: CPU time, server and worker", "cpu", "s"),
        row("job: peak memory, server and worker", "peak", "MiB"),
    )


def _speed(runs: Sequence[_Run], duration: float) -> str:
    return f"{duration / median(run.wall for run in runs):.1f}"


def _agreement(first: str, second: str) -> float:
    """Share of words alike, in order (0..1), whatever the case, punctuation and line breaks."""
    left, right = (
        ["".join(filter(str.isalnum, word)) for word in text.lower().split()]
        for text in (first, second)
    )
    return SequenceMatcher(None, left, right, autojunk=False).ratio()
