"""Workers with pipelines that a test writes, on a real platform."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Any

from gpu_job.attempt import Pipeline, WorkerLimits
from gpu_job.exit_codes import ExitCode
from gpu_job.held_job import HeldJob
from gpu_job.progress import Step
from gpu_job.worker import Worker
from shared.domain.codec import from_document
from shared.domain.job import Job, Status
from shared.domain.options import TranscriptionOptions
from shared.domain.transcript import Segment, Transcript
from shared.ports.platform import Platform
from shared.services.submission import BytesAudio, Submission, UrlAudio
from shared.services.submit_job import submit_job

TENANT = "acme"


def submit(
    platform: Platform,
    *,
    audio: bytes = b"RIFF",
    url: str | None = None,
    **options: Any,
) -> Job:
    """A pending job of tenant ``acme`` with its audio in the store, or at a URL."""
    source = UrlAudio(url=url) if url else BytesAudio(chunks=[audio], max_bytes=1 << 24)
    submission = Submission(tenant=TENANT, audio=source, options=TranscriptionOptions(**options))
    return submit_job(platform, submission).job


def transcript(text: str = "Hello.") -> Transcript:
    """Two seconds in which one thing was said."""
    return Transcript(
        text=text,
        language="en",
        language_probability=1.0,
        duration=2.0,
        segments=(Segment(id=0, start=0.0, end=1.0, text=text),),
        engine="fake",
        model="fake",
        tamlil_version="0",
    )


def result_of(platform: Platform, job: Job) -> Transcript:
    """The stored transcript of a job that must have completed."""
    done = platform.jobs.get(job.id)
    assert done.status is Status.COMPLETED, done.error
    assert done.result is not None
    return from_document(Transcript, json.loads(platform.blobs.read(done.result.key)))


@dataclass
class ScriptedPipeline:
    """Does each of `steps` in turn, one a job, then answers; None does nothing.

    A step gets the held job and may raise. `folders` lists where each attempt was to work.
    """

    steps: list[Callable[[HeldJob], object] | None] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    served: list[tuple[str, int]] = field(default_factory=list)
    started: Event = field(default_factory=Event)

    def __call__(self, held: HeldJob, folder: Path, /) -> Transcript:
        self.folders.append(folder)
        self.served.append((held.job.id, held.job.attempt))
        self.started.set()
        step = self.steps.pop(0) if self.steps else None
        if step is not None:
            step(held)
        return transcript()


def until_stopped(held: HeldJob) -> None:
    """Work as an engine does that asks between chunks, and give up after 20 seconds."""
    held.progress.enter(Step.TRANSCRIBE)
    for _ in range(1000):
        held.stop.check()
        time.sleep(0.02)


def make_worker(
    platform: Platform,
    pipeline: Pipeline,
    *,
    idle: float = 0.0,
    job: float = 60.0,
    heartbeat: float = 0.05,
    poll: float = 0.2,
    **more: Any,
) -> Worker:
    """A worker that ends as soon as nothing waits; times in seconds."""
    limits = WorkerLimits(idle=idle, job=job, heartbeat=heartbeat, poll=poll)
    return Worker(platform=platform, pipeline=pipeline, limits=limits, name="worker-1", **more)


@dataclass
class Running:
    """A worker in a thread; `code` once it has ended."""

    worker: Worker
    code: ExitCode | None = None


@contextmanager
def running(worker: Worker, first_job: str | None = None) -> Iterator[Running]:
    """Run the worker beside the block; at the block's end it must end within ten seconds."""
    state = Running(worker=worker)

    def run() -> None:
        state.code = worker.run(first_job)

    thread = Thread(target=run)
    thread.start()
    try:
        yield state
    finally:
        thread.join(10)
    assert not thread.is_alive(), "the worker did not end"


def wait_until(condition: Callable[[], object], *, seconds: float = 10.0) -> float:
    """Wait for a true answer; returns how long that took (seconds)."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < seconds, "it did not happen in time"
        time.sleep(0.01)
    return time.monotonic() - begun
