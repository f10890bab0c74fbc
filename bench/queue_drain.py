"""A full queue worked off by real worker processes without an engine, and one of them killed."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.child import Child
from bench.embedded import embedded_server, make_settings
from bench.findings import BenchmarkBroken, Findings, Plan
from bench.launchers import BusyLauncher
from bench.receiver import Receiver
from bench.report import Row, measured
from shared.domain.job import FINISHED, Status, WebhookTarget
from shared.ports.platform import Platform
from shared.services.submission import BytesAudio, Submission
from shared.services.submit_job import submit_job
from shared.settings import Settings
from shared.wiring.local import open_local

_JOBS, _QUICK_JOBS = 1000, 200
_WORKERS = 2
_POLL_SECONDS = 0.2
_LONGEST_SECONDS = 180.0
#: The worker is killed when so large a share of the jobs is done.
_KILL_AT = 0.3
_AUDIO = b"RIFF" + bytes(1020)  # nobody decodes it


@dataclass(frozen=True, kw_only=True, slots=True)
class _Drain:
    """Seconds from the server's start, and jobs."""

    jobs: int
    completed: int
    told: int
    doubled: int
    drained: float
    heard: float

    @property
    def lost(self) -> int:
        return self.jobs - min(self.completed, self.told)


def run(plan: Plan) -> Findings:
    """Drain the queue twice: undisturbed, and with a worker killed by SIGKILL on the way."""
    jobs = _QUICK_JOBS if plan.quick else _JOBS
    smooth = _drain(plan.folder / "drain", jobs, kill=False)
    broken = _drain(plan.folder / "killed", jobs, kill=True)
    name, name_killed = f"{jobs} queued jobs", f"{jobs} queued jobs, a worker killed"
    notes = (
        (
            f"queue: {_WORKERS} worker processes with the null engine (they fetch the audio and"
            " answer an empty transcript); the queue is full before the server starts; each job"
            " has a webhook to a receiver in this process, which counts the terminal events."
        ),
    )
    failures = [
        f"{label}: {drain.lost} lost, {drain.doubled} told twice"
        for label, drain in ((name, smooth), (name_killed, broken))
        if drain.lost or drain.doubled
    ]
    rows = (*_rows(name, smooth), *_rows(name_killed, broken))
    return Findings(rows=rows, notes=notes, failures=tuple(failures))


def _rows(name: str, drain: _Drain) -> tuple[Row, ...]:
    return (
        measured(f"{name}: all completed after", drain.drained, unit="s"),
        measured(f"{name}: all webhooks sent after", drain.heard, unit="s"),
        measured(f"{name}: completed", drain.jobs / drain.drained, unit="jobs/s"),
        measured(f"{name}: lost", drain.lost, unit="jobs", at_most=0),
        measured(f"{name}: told twice", drain.doubled, unit="jobs", at_most=0),
    )


def _drain(folder: Path, jobs: int, *, kill: bool) -> _Drain:
    settings = make_settings(
        folder, null_engine=True, max_workers=_WORKERS, allow_loopback_urls=True
    )
    deployment = open_local(settings, launcher=BusyLauncher())
    try:
        with Receiver() as receiver:
            _fill(deployment.platform, jobs, receiver.url)
            return _work_off(settings, deployment.platform, receiver, jobs, kill=kill)
    finally:
        deployment.close()


def _fill(platform: Platform, jobs: int, hook: str) -> None:
    for number in range(jobs):
        audio = BytesAudio(chunks=[_AUDIO], filename="recording.wav", max_bytes=len(_AUDIO))
        submit_job(
            platform,
            Submission(
                tenant="bench",
                audio=audio,
                webhook=WebhookTarget(url=hook),
                recording_id=str(number),
            ),
        )


def _work_off(
    settings: Settings, platform: Platform, receiver: Receiver, jobs: int, *, kill: bool
) -> _Drain:
    drained = heard = None
    with embedded_server(settings, log=settings.data_dir / "server.log") as server:
        began = time.perf_counter()
        while heard is None and time.perf_counter() - began < _LONGEST_SECONDS:
            time.sleep(_POLL_SECONDS)
            counts = platform.jobs.counts()
            finished = sum(counts[status] for status in FINISHED)
            now = time.perf_counter() - began
            if kill and finished >= _KILL_AT * jobs:
                kill = not _kill_a_worker(server)
            if drained is None and finished >= jobs:
                drained = now
            if drained is not None and receiver.count() >= jobs:
                heard = now
        if kill:
            raise BenchmarkBroken(f"no worker could be killed; see {settings.data_dir}/logs")
        time.sleep(1.0)  # for whatever would come twice
        return _Drain(
            jobs=jobs,
            completed=platform.jobs.counts()[Status.COMPLETED],
            told=receiver.count(),
            doubled=receiver.doubled(),
            drained=drained or _LONGEST_SECONDS,
            heard=heard or _LONGEST_SECONDS,
        )


def _kill_a_worker(server: Child) -> bool:
    """Whether there was one; else the next look finds one."""
    for process in server.tree():
        with suppress(psutil.NoSuchProcess):
            if "gpu_job" in process.cmdline():
                process.kill()
                return True
    return False
