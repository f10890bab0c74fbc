"""``tamlil transcribe --watch``: segments on the terminal while a real worker is at work."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from shared.adapters.local.subprocess_launcher import SubprocessLauncher
from shared.settings import worker_environment
from tests.support.embedded import Running, running_server
from tests.support.platform import make_settings
from tests.support.resumable import BATCH

REPOSITORY = Path(__file__).parents[2]
LINES = [f"[0:0{second}] word{second}." for second in range(10)]
#: Of these the first batches are finished when the worker is held.
EARLY = 2 * BATCH
#: However busy the machine is, nobody takes the job from the worker that holds it.
LEASE_SECONDS = 200.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """A server whose worker waits before the third batch until it may go on."""

    running: Running
    go_on: Path

    def transcribe(self, audio: Path, *args: str) -> subprocess.Popen[str]:
        """Start the program; it has an end, whatever becomes of the job."""
        server = ("--server", self.running.server.url, "--api-key", self.running.token)
        return subprocess.Popen(
            [sys.executable, "-m", "tamlil", "transcribe", str(audio), *server, "--watch", *args],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def status(self) -> str:
        """How the only job stands."""
        (job,) = self.running.http.get("/api/v1/jobs").json()["jobs"]
        return str(job["status"])


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Held]:
    data, log = tmp_path / "data", tmp_path / "decoded"
    settings = make_settings(data, worker_idle_seconds=0.0, lease_seconds=LEASE_SECONDS)
    launcher = SubprocessLauncher(
        command=(
            *(sys.executable, "-m", "tests.support.resuming_worker"),
            *(str(log), "held", str(EARLY)),
        ),
        env=worker_environment(settings) | {"PYTHONPATH": str(REPOSITORY)},
        state_dir=tmp_path / "workers",
        log_dir=tmp_path / "logs",
    )
    with running_server(
        data, launcher=launcher, null_engine=False, lease_seconds=LEASE_SECONDS
    ) as running:
        yield Held(running=running, go_on=Path(f"{log}.go"))


@pytest.fixture
def audio(tmp_path: Path) -> Path:
    path = tmp_path / "call.wav"
    path.write_bytes(b"audio")
    return path


def test_finished_segments_are_printed_while_the_rest_is_at_work(
    held: Held, audio: Path, tmp_path: Path
) -> None:
    with held.transcribe(audio, "--output", f"{tmp_path / 'out'}/") as program:
        assert program.stdout is not None
        early = [program.stdout.readline().rstrip("\n") for _ in range(EARLY)]
        assert held.status() == "processing"
        held.go_on.touch()
        rest, _ = program.communicate(timeout=60)
    assert program.returncode == 0
    assert early + rest.splitlines() == LINES
    assert (tmp_path / "out/call.txt").read_text().split() == [f"word{n}." for n in range(10)]


def test_without_files_they_are_shown_beside_a_clean_stdout(held: Held, audio: Path) -> None:
    with held.transcribe(audio) as program:
        assert program.stderr is not None
        early: list[str] = []
        while len(early) < EARLY and (line := program.stderr.readline()):
            early += [line.rstrip("\n")] if line.startswith("[") else []
        assert held.status() == "processing"
        held.go_on.touch()
        printed, _ = program.communicate(timeout=60)
    assert program.returncode == 0
    assert early == LINES[:EARLY]
    assert printed.split() == [f"word{n}." for n in range(10)]
