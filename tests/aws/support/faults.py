"""Microburst between the SDKs of functions and workers and the cloud: faults on the wire."""

from __future__ import annotations

import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.aws.support.ministack import Ministack, end
from tests.aws.support.programs import MICROBURST, free_port, machine_environment, need
from tests.aws.support.stack import Stack

Rule = Mapping[str, Any]

_START_SECONDS = 20.0
_FUNCTIONS = ("Api", "Intake", "Dispatch", "Webhook", "Sweep")


@dataclass(frozen=True, kw_only=True)
class Faults:
    """The running proxy."""

    url: str
    http: httpx.Client

    def set(self, rules: Sequence[Rule]) -> None:
        """Replace the rules; the log of what they did begins anew."""
        self.http.delete("/_microburst/fired").raise_for_status()
        self.http.post("/_microburst/rules", json=list(rules)).raise_for_status()

    def fired(self) -> Counter[tuple[str, str]]:
        """How often each kind of fault met each service: (service, action)."""
        answer = self.http.get("/_microburst/fired", params={"limit": 10_000})
        return Counter((it["service"], it["action"]) for it in answer.json())


@contextmanager
def run_microburst(cloud: Ministack, log: Path) -> Iterator[Faults]:
    """A proxy on a free port, without rules; ended with the block."""
    port = free_port()
    script = Path(__file__).with_name("keeping_host.py")
    python = need(MICROBURST).with_name("python")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [python, script, "--upstream", cloud.url, "--port", str(port)],
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            env=machine_environment() | {"SSL_CERT_FILE": str(cloud.certificate)},
        )  # fmt: skip
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as http:
        try:
            _wait_until_ready(process, http, log)
            yield Faults(url=f"http://127.0.0.1:{port}", http=http)
        finally:
            end(process)


@contextmanager
def between(stack: Stack, faults: Faults) -> Iterator[None]:
    """Send what functions and workers ask of the cloud through the proxy, within the block."""
    functions = stack.cloud.client("lambda")
    before: dict[str, dict[str, str]] = {}
    for function in _FUNCTIONS:
        name = stack.deployed.names[f"{function}Function"]
        found = functions.get_function_configuration(FunctionName=name)
        before[name] = found["Environment"]["Variables"]
    direct = stack.machine["AWS_ENDPOINT_URL"]
    stack.machine["AWS_ENDPOINT_URL"] = faults.url
    through = {"AWS_ENDPOINT_URL": faults.url}
    try:
        for name, variables in before.items():
            functions.update_function_configuration(
                FunctionName=name, Environment={"Variables": variables | through}
            )
        yield
    finally:
        faults.set([])
        stack.machine["AWS_ENDPOINT_URL"] = direct
        for name, variables in before.items():
            functions.update_function_configuration(
                FunctionName=name, Environment={"Variables": variables}
            )


def _wait_until_ready(process: subprocess.Popen[bytes], http: httpx.Client, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            http.get("/_microburst/health").raise_for_status()
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(log.read_text(encoding="utf-8"))
