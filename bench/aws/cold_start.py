"""Cold starts: from the start of a process until it has answered its first event.

One process a start, its variants in turn, round after round; what disturbs a round disturbs all of
them. The interpreter and the runtime client are part of each figure, as they are on Lambda; the
download of the bundle and the micro-VM's boot are not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench.findings import BenchmarkBroken
from bench.numbers import median_ratio
from bench.report import Row, lower_is_better, measured
from tests.support.lambda_process import LambdaProcess, Runtime


@dataclass(frozen=True, kw_only=True, slots=True)
class Start:
    """What is started: `handler` of the `bundle` in this environment, and its first event's maker.

    `peer` is the name of the start that it is compared with, `at_most` how many times its peer's
    milliseconds it may take.
    """

    name: str
    bundle: Path
    handler: str
    env: Mapping[str, str]
    event: Callable[[], Any]
    peer: str | None = None
    at_most: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Took:
    """Milliseconds until the answer, and of CPU in all."""

    wall: float
    cpu: float


def measure(
    starts: Sequence[Start], runtime: Runtime, *, rounds: int, folder: Path
) -> dict[str, list[Took]]:
    """Every start in every round, in an order that turns by one each round."""
    took: dict[str, list[Took]] = {start.name: [] for start in starts}
    for number in range(-1, rounds):  # the first round fills the disk cache and does not count
        turn = max(number, 0) % len(starts)
        for start in (*starts[turn:], *starts[:turn]):
            found = _once(start, runtime, folder / f"{start.handler}.log")
            if number >= 0:
                took[start.name].append(found)
    return took


def _once(start: Start, runtime: Runtime, log: Path) -> Took:
    event = start.event()
    function = LambdaProcess(
        bundle=start.bundle, handler=start.handler, runtime=runtime, env=start.env, log=log
    )
    with function:
        answer = function.invoke(event)
    if answer.failed or _status(answer.body) >= 400:
        raise BenchmarkBroken(f"{start.name} answered {str(answer.body)[:500]}; see {log}")
    return Took(wall=1e3 * (answer.at - function.started), cpu=1e3 * function.cpu_seconds)


def _status(body: Any) -> int:
    """Messages that were given back count as refused."""
    if not isinstance(body, dict):
        return 200
    return 500 if body.get("batchItemFailures") else int(body.get("statusCode", 200))


def rows(starts: Sequence[Start], took: Mapping[str, Sequence[Took]]) -> tuple[Row, ...]:
    """Wall and CPU of each start, beside its peer's where it has one."""
    found: list[Row] = []
    for start in starts:
        for kind in ("wall", "cpu"):
            name = f"cold start: {start.name}, {kind}"
            ours = [getattr(one, kind) for one in took[start.name]]
            if start.peer is None:
                found.append(measured(name, median(ours), unit="ms"))
                continue
            peer = [getattr(one, kind) for one in took[start.peer]]
            found.append(
                lower_is_better(
                    f"{name} (peer: {start.peer})",
                    median(ours),
                    median(peer),
                    unit="ms",
                    ratio=median_ratio(peer=peer, ours=ours),
                    target=None if start.at_most is None else 1 / start.at_most,
                )
            )
    return tuple(found)


def spread(took: Mapping[str, Sequence[Took]]) -> list[str]:
    """The middle half of each start's rounds, for the notes."""
    return [f"{name}: {_half(runs)}" for name, runs in took.items()]


def _half(runs: Sequence[Took]) -> str:
    def between(kind: str) -> str:
        values = sorted(getattr(run, kind) for run in runs)
        quarter = len(values) // 4
        return f"{values[quarter]:.0f} to {values[-1 - quarter]:.0f}"

    return f"{between('wall')} ms wall, {between('cpu')} ms CPU"
