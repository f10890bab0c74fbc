"""Load on one endpoint from a few connections: by wrk where there is one, else by threads.

Closed loop: each connection sends its next request when the last was answered, so the latency is
that under so many callers and not that of an arrival rate.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from bench.findings import BenchmarkBroken
from bench.numbers import percentile

CONNECTIONS = 8
_TIMEOUT_SECONDS = 30.0
_WRK_SCRIPT = Path(__file__).with_name("post.lua")


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """A POST with a JSON body."""

    url: str
    body: str
    token: str


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadResult:
    """`requests` were answered in `seconds`; p50 and p99 in milliseconds.

    `errors` are answers other than 2xx, broken connections and time-outs.
    """

    requests: int
    seconds: float
    p50: float
    p99: float
    errors: int

    @property
    def per_second(self) -> float:
        """Answers a second, errors included."""
        return self.requests / self.seconds


def load_tool() -> str:
    """What will send the requests, for people."""
    return "wrk" if shutil.which("wrk") else "threads of this benchmark (no wrk on PATH)"


def put_load(target: Target, *, seconds: float) -> LoadResult:
    """Send requests for so long.

    Raises:
        BenchmarkBroken: nothing was answered, or wrk failed.
    """
    return _wrk(target, seconds) if shutil.which("wrk") else _threads(target, seconds)


def _wrk(target: Target, seconds: float) -> LoadResult:
    command = ["wrk", f"-c{CONNECTIONS}", "-t2", f"-d{max(1, round(seconds))}s"]
    command += [f"--timeout={_TIMEOUT_SECONDS:g}s", "-s", str(_WRK_SCRIPT), target.url]
    # The token goes through the environment: a command line is for everybody to read.
    secrets = {"BENCH_BODY": target.body, "BENCH_TOKEN": target.token}
    done = subprocess.run(
        command,
        env={**os.environ, **secrets},
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds + 2 * _TIMEOUT_SECONDS,
    )
    if done.returncode != 0:
        raise BenchmarkBroken(f"wrk ended with {done.returncode}: {done.stderr[-500:]}")
    found = json.loads(done.stdout.splitlines()[-1])
    if not found["requests"]:
        raise BenchmarkBroken("no request was answered")
    return LoadResult(
        requests=found["requests"],
        seconds=found["microseconds"] / 1e6,
        p50=found["p50"] / 1e3,
        p99=found["p99"] / 1e3,
        errors=found["errors"],
    )


@dataclass(kw_only=True, slots=True)
class _Caller:
    """One connection; `latencies` in seconds."""

    target: Target
    until: float
    latencies: list[float] = field(default_factory=list)
    errors: int = 0

    def run(self) -> None:
        address = urlsplit(self.target.url)
        headers = {"Content-Type": "application/json", "X-API-Key": self.target.token}
        connection = http.client.HTTPConnection(address.netloc, timeout=_TIMEOUT_SECONDS)
        while (began := time.perf_counter()) < self.until:
            try:
                connection.request("POST", address.path, self.target.body, headers)
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException):
                self.errors += 1
                connection.close()
                continue
            self.latencies.append(time.perf_counter() - began)
            self.errors += not 200 <= answer.status < 300
        connection.close()


def _threads(target: Target, seconds: float) -> LoadResult:
    began = time.perf_counter()
    callers = [_Caller(target=target, until=began + seconds) for _ in range(CONNECTIONS)]
    threads = [threading.Thread(target=caller.run, daemon=True) for caller in callers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - began
    latencies = [latency for caller in callers for latency in caller.latencies]
    if not latencies:
        raise BenchmarkBroken("no request was answered")
    return LoadResult(
        requests=len(latencies),
        seconds=took,
        p50=1e3 * percentile(latencies, 50),
        p99=1e3 * percentile(latencies, 99),
        errors=sum(caller.errors for caller in callers),
    )
