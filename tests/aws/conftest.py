"""One deployment for the whole session: it takes seconds to make, and tenants keep tests apart."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.aws.support.client import BYPASS, Tenant
from tests.aws.support.programs import ROOT
from tests.aws.support.sounds import Sounds
from tests.aws.support.stack import Stack, run_stack
from tests.support.file_server import FileServer, file_server

_HERE = Path(__file__).parent
_LINES = 40
LOGS = ("ApiLogs", "IntakeLogs", "DispatchLogs", "WebhookLogs", "SweepLogs")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All that lies here needs the programs that `make test-aws` sets up."""
    for item in items:
        if item.path.is_relative_to(_HERE):
            item.add_marker(pytest.mark.aws)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that fails shows the last warnings and errors of every function."""
    report = yield
    stack = getattr(item, "funcargs", {}).get("stack")
    if report.failed and isinstance(stack, Stack):
        for name in LOGS:
            told = [line for line in stack.log(name) if "INFO" not in line and '"_aws"' not in line]
            report.sections.append((name, "\n".join(told[-_LINES:])))
    return report


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with run_stack(tmp_path_factory.mktemp("aws")) as found:
        _tamlil(found, "webhooks", "header", "vercel-bypass", "--set", stdin=BYPASS)
        yield found


@pytest.fixture
def tenant(stack: Stack, request: pytest.FixtureRequest) -> Iterator[Tenant]:
    """A tenant of this test's own, with a key that the command line made."""
    name = f"tenant-{abs(hash(request.node.nodeid)) % 10**9}"
    with Tenant(stack=stack, name=name, token=make_key(stack, name)) as found:
        yield found


def make_key(stack: Stack, tenant: str, *scopes: str) -> str:
    """Make an API key with `tamlil keys create` against the stack."""
    chosen = scopes or ("jobs:write", "jobs:read", "webhooks", "admin")
    options = [part for scope in chosen for part in ("--scope", scope)]
    made = _tamlil(stack, "keys", "create", "--tenant", tenant, "--json", *options)
    return str(json.loads(made)["token"])


def _tamlil(stack: Stack, *words: str, stdin: str | None = None) -> str:
    """What an operator's command line prints."""
    done = subprocess.run(
        [Path(sys.executable).with_name("tamlil"), *words],
        env=stack.variables(), cwd=ROOT, input=stdin, capture_output=True, text=True, check=False,
        timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def sounds() -> Sounds:
    return Sounds()


@pytest.fixture(scope="session")
def audio(sounds: Sounds) -> Iterator[FileServer]:
    """URLs: `/dialog.flac`, 42 seconds of two voices, and `/short.wav`, one sentence."""
    with file_server() as server:
        server.files |= {"/dialog.flac": sounds.dialog, "/short.wav": sounds.short}
        yield server
