"""A deployment at a test's fingertips: real services and adapters, played clock and workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from shared.domain.deliveries import Delivery
from shared.domain.job import Job, Status, WebhookTarget
from shared.domain.messages import JobEvent, JobQueued, decode
from shared.domain.transcript import Segment, Transcript, Word
from shared.ports.platform import Platform
from shared.services.claim_job import claim_job
from shared.services.deliver_webhook import deliver_webhook
from shared.services.record_event import record_event
from shared.services.submission import BytesAudio, Submission, UrlAudio
from shared.services.submit_job import submit_job
from shared.services.work_on_job import complete_job
from shared.wiring.local import LocalDeployment
from tests.support.clock import FakeClock, SequentialIds
from tests.support.faults import Faults, breakable
from tests.support.platform import RecordingLauncher, make_deployment

HOOK_URL = "https://hooks.example.com/tamlil"
HOOK = WebhookTarget(url=HOOK_URL)
AUDIO_URL = "https://media.example.com/a.wav"

Handler = Callable[[httpx.Request], httpx.Response]


def make_transcript(text: str = " Shalom, world.") -> Transcript:
    """A short transcript in one segment."""
    word = Word(word=text, start=0.0, end=1.5, probability=0.9)
    segment = Segment(id=0, start=0.0, end=1.5, text=text, words=(word,))
    return Transcript(
        text=text.strip(),
        language="en",
        language_probability=0.98,
        duration=2.0,
        segments=(segment,),
        engine="faster-whisper",
        model="base",
        tamlil_version="0.1.0",
        timings={"transcribe": 0.5},
    )


def url_submission(**changes: Any) -> Submission:
    """A plain request of tenant ``acme``."""
    fields: dict[str, Any] = {"tenant": "acme", "audio": UrlAudio(url=AUDIO_URL)}
    return Submission(**(fields | changes))


def bytes_audio(*chunks: bytes, max_bytes: int = 1000) -> BytesAudio:
    """Audio that comes with the request."""
    return BytesAudio(
        chunks=chunks or (b"RIFF", b"data"), filename="my talk.wav", max_bytes=max_bytes
    )


@dataclass
class World:
    """`platform` can be broken through `faults`; `deployment.platform` is the same one, whole."""

    deployment: LocalDeployment
    clock: FakeClock
    launcher: RecordingLauncher
    data_dir: Path
    faults: Faults = field(default_factory=Faults)
    platform: Platform = field(init=False)

    def __post_init__(self) -> None:
        self.platform = breakable(self.deployment.platform, self.faults)

    def submit(self, **changes: Any) -> Job:
        return submit_job(self.platform, url_submission(**changes)).job

    def processing(self, *, execution: str | None = "execution-1", **changes: Any) -> Job:
        """A submitted job that a worker holds."""
        return self.claim(self.submit(**changes), execution=execution)

    def claim(self, job: Job, *, execution: str | None = "execution-1") -> Job:
        claimed = claim_job(self.platform, job.id, worker="worker-1", execution=execution)
        assert claimed is not None
        return claimed

    def completed(self, **changes: Any) -> Job:
        return complete_job(self.platform, self.processing(**changes), make_transcript())

    def job(self, job: Job) -> Job:
        """The record as it is now."""
        return self.deployment.platform.jobs.get(job.id)

    def status(self, job: Job) -> Status:
        return self.job(job).status

    def queued(self) -> list[str]:
        """Take every visible message of the job queue; the ids of their jobs."""
        queue = self.deployment.platform.queue
        found: list[str] = []
        while received := queue.receive(limit=100):
            for message in received:
                found.append(decode(JobQueued, message.body).job_id)
                queue.delete(message.receipt)
        return found

    def published(self) -> list[JobEvent]:
        """Take every visible event that the bus has passed on."""
        found: list[JobEvent] = []
        while received := self.deployment.event_queue.receive(limit=100):
            for message in received:
                found.append(decode(JobEvent, message.body))
                self.deployment.event_queue.delete(message.receipt)
        return found

    def record_events(self) -> list[Delivery]:
        """Do what the webhook function does with each event that was published."""
        recorded = [record_event(self.platform, event) for event in self.published()]
        return [delivery for delivery in recorded if delivery is not None]

    def deliver(self, delivery: Delivery, handler: Handler) -> Delivery | None:
        """Make one attempt against a receiver that `handler` plays."""
        with httpx.Client(transport=httpx.MockTransport(handler)) as client:
            return deliver_webhook(self.platform, delivery.id, client=client)

    def blob_files(self) -> list[Path]:
        """What lies on the disk below the blob store, objects and leftovers alike."""
        return sorted(path for path in (self.data_dir / "blobs").rglob("*") if path.is_file())


@contextmanager
def open_world(data_dir: Path, *, later: float = 0.0, **settings: Any) -> Iterator[World]:
    """A world over `data_dir`; its clock starts `later` seconds after the others'."""
    clock, launcher = FakeClock(), RecordingLauncher()
    clock.advance(later)
    with make_deployment(
        data_dir, clock=clock, ids=SequentialIds(), launcher=launcher, **settings
    ) as deployment:
        yield World(deployment=deployment, clock=clock, launcher=launcher, data_dir=data_dir)
