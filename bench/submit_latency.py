"""How long a submit takes under load, against the least that a durable submit can cost."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from bench.child import Child
from bench.embedded import embedded_server, make_settings
from bench.findings import Findings, Plan
from bench.http_load import CONNECTIONS, LoadResult, Target, load_tool, put_load
from bench.launchers import BusyLauncher
from bench.numbers import median_ratio
from bench.report import Row, higher_is_better, lower_is_better, measured
from shared.settings import Settings, worker_environment
from shared.wiring.local import open_local

#: Nothing fetches it: no worker is started.
_BODY = json.dumps({"url": "https://media.example.com/recording.flac"})
_SECONDS, _QUICK_SECONDS = 5.0, 3.0
_WARM_UP_SECONDS = 1.0


def run(plan: Plan) -> Findings:
    """Load both servers in turn; ours, which has work left over, is suspended meanwhile."""
    settings = make_settings(plan.folder / "submit", max_workers=1)
    seconds = _QUICK_SECONDS if plan.quick else _SECONDS
    with ExitStack() as stack:
        log = plan.folder / "submit.log"
        ours = stack.enter_context(embedded_server(settings, log=log, workers=False))
        bare = stack.enter_context(_bare_server(plan.folder / "bare.db", settings, log))
        warm = _pair(ours, bare, _WARM_UP_SECONDS)
        pairs = [_pair(ours, bare, seconds) for _ in range(plan.rounds)]
    mine, peer = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    accepted = sum(result.requests - result.errors for result in (warm[0], *mine))
    lost = max(0, accepted - _recorded(settings))
    errors = sum(result.errors for result in (*warm, *mine, *peer))
    rows = (
        *_rows(mine, peer),
        measured("submit: errors", errors, unit="answers", at_most=0),
        measured("submit: answered and not recorded", lost, unit="jobs", at_most=0),
    )
    notes = (
        (
            f"submit: {load_tool()}, {CONNECTIONS} connections, {plan.rounds} x {seconds:g} s a"
            f" side, {accepted} jobs accepted; dispatch and sweep run, no worker is started."
        ),
        (
            "submit: the peer is FastAPI on the same uvicorn with one durable SQLite insert:"
            " no key check, rate limit, options, queue message, metrics or request log."
        ),
    )
    failures = [f"submit: {errors} errors"] if errors else []
    failures += [f"submit: {lost} accepted jobs are not recorded"] if lost else []
    return Findings(rows=rows, notes=notes, failures=tuple(failures))


def _bare_server(database: Path, settings: Settings, log: Path) -> Child:
    return Child("bench.bare_server", str(database), env=worker_environment(settings), log=log)


def _pair(ours: Child, bare: Child, seconds: float) -> tuple[LoadResult, LoadResult]:
    mine = put_load(_target(ours), seconds=seconds)
    with ours.suspended():
        return mine, put_load(_target(bare), seconds=seconds)


def _target(server: Child) -> Target:
    url = f"{server.ready['url']}/api/v1/transcribe"
    return Target(url=url, body=_BODY, token=server.ready["token"])


def _recorded(settings: Settings) -> int:
    deployment = open_local(settings, launcher=BusyLauncher())
    try:
        return sum(deployment.platform.jobs.counts().values())
    finally:
        deployment.close()


def _rows(mine: Sequence[LoadResult], peer: Sequence[LoadResult]) -> tuple[Row, ...]:
    def latency(name: str, ours: list[float], theirs: list[float]) -> Row:
        ratio = median_ratio(peer=theirs, ours=ours)
        return lower_is_better(name, median(ours), median(theirs), unit="ms", ratio=ratio)

    return (
        latency("submit: p50", [r.p50 for r in mine], [r.p50 for r in peer]),
        latency("submit: p99", [r.p99 for r in mine], [r.p99 for r in peer]),
        higher_is_better(
            "submit: throughput",
            median(r.per_second for r in mine),
            median(r.per_second for r in peer),
            unit="1/s",
        ),
    )
