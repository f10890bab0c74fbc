"""What a state machine keeps in mind of a deployment, and the promises that it checks."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx

from shared.domain.deliveries import DeliveryStatus
from shared.domain.errors import NotFound, TamlilError
from shared.domain.job import Job, Stage, Status
from shared.domain.lifecycle import TRANSITIONS
from shared.domain.messages import JobEvent
from shared.domain.saved_work import SavedWork
from shared.domain.transcript import Segment
from shared.domain.work_parts import Part
from shared.ports.delivery_store import DeliveryQuery
from shared.ports.platform import Platform
from shared.services.saved_parts import read_parts, store_part
from shared.services.work_on_job import report_progress
from tests.support.faults import ProcessDied
from tests.support.world import World

R = TypeVar("R")

ENDS = frozenset(
    {"transcription.completed", "transcription.failed", "transcription.cancelled"}
)  # fmt: skip


def part_of(attempt: int, number: int) -> Part:
    """One segment that tells who saved it."""
    text = f"part {number} by attempt {attempt}"
    segment = Segment(id=number, start=number, end=number + 0.5, text=text)
    return Part(segments=(segment,), done=number + 1.0, language="en", language_probability=0.9)


def save_part(platform: Platform, job: Job, known: dict[tuple[str, int], SavedWork]) -> Job:
    """Store a part, then list it, as an attempt does that knows of its own writes only."""
    before = known.get((job.id, job.attempt)) or job.saved or SavedWork(fingerprint="f")
    part = part_of(job.attempt, before.parts)
    store_part(platform, job, before.parts, part)
    after = before.with_part(job.attempt, segments=len(part.segments), done=part.done)
    told = report_progress(
        platform,
        job.id,
        attempt=job.attempt,
        stage=Stage.TRANSCRIBING,
        progress=0.5,
        saved=after,
    )
    known[job.id, job.attempt] = after
    return told


@dataclass
class Ledger:
    """The promises as seen from outside: what was answered, what happened, what was told."""

    world: World
    answered: dict[str, Job] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    may_be_gone: set[str] = field(default_factory=set)
    cancelled: set[str] = field(default_factory=set)
    seen: dict[str, Job] = field(default_factory=dict)
    events: dict[str, set[str]] = field(default_factory=dict)
    accepted: set[str] = field(default_factory=set)
    delivered: set[str] = field(default_factory=set)

    def attempt(self, act: Callable[[], R]) -> R | None:
        """Do it; None when the process died or an error of ours was answered."""
        try:
            return act()
        except (TamlilError, ProcessDied):
            return None

    def succeeds(self, act: Callable[[], object]) -> bool:
        """Do it; whether it came to its end."""
        return self.attempt(lambda: (act(),)) is not None

    def find(self, job_id: str) -> Job | None:
        try:
            return self.world.deployment.platform.jobs.get(job_id)
        except NotFound:
            return None

    def answer(self, job: Job, *, key: str | None) -> None:
        """A caller was told 202."""
        if key is not None:
            before = self.keys.get(key)
            assert before in (None, job.id) or before in self.may_be_gone, "key with two jobs"
            self.keys[key] = job.id
        self.answered.setdefault(job.id, job)
        self.seen.setdefault(job.id, job)

    def hear(self, event: JobEvent) -> None:
        """The bus has passed an event on."""
        job = self.find(event.job_id)
        if event.type in ENDS:
            self.events.setdefault(event.job_id, set()).add(event.event_id)
            assert len(self.events[event.job_id]) == 1, "a job ended twice"
            if job is not None:
                assert job.status == event.type.split(".")[1], "an end was told that is none"

    def receive(self, request: httpx.Request, status: int) -> None:
        """The receiver was called and answers."""
        event_id = request.headers["webhook-id"]
        assert event_id not in self.delivered, "sent again after a recorded success"
        body: dict[str, Any] = json.loads(request.content)
        if body["type"] == "transcription.failed":
            job = self.find(body["data"]["job_id"])
            assert job is None or job.status is Status.FAILED, "failure told before a retry"
        if 200 <= status < 300:
            self.accepted.add(event_id)

    def note_deliveries(self) -> None:
        """Remember what is recorded as delivered."""
        self.delivered |= {d.id for d in self.deliveries() if d.status is DeliveryStatus.DELIVERED}

    def deliveries(self) -> Any:
        query = DeliveryQuery(tenant="acme", limit=200)
        return self.world.deployment.platform.deliveries.query(query).deliveries

    def check(self) -> None:
        """Every promise that holds at every moment."""
        for job_id, before in list(self.seen.items()):
            now = self.find(job_id)
            if now is None:
                assert job_id in self.may_be_gone, "an accepted job is lost"
                continue
            self._check_step(before, now)
            self.seen[job_id] = now

    def _check_step(self, before: Job, now: Job) -> None:
        moved = now.status is not before.status
        assert not moved or now.status in TRANSITIONS[before.status], "not along the table"
        claimed = now.status is Status.PROCESSING and (moved or now.attempt != before.attempt)
        assert now.attempt == before.attempt + claimed, "attempts must rise by one a claim"
        assert now.id not in self.cancelled or now.status is Status.CANCELLED, "cancel undone"
        assert now.finished or now.wake_at is not None, "nobody would look at it again"
        assert not now.outbox or now.wake_at is not None, "nobody would publish it"
        self._check_saved(before, now)
        if before.finished:
            assert (now.result, now.error) == (before.result, before.error), "changed after its end"

    def _check_saved(self, before: Job, now: Job) -> None:
        """Whatever is listed is there, by whom the record says, and is never taken back."""
        if now.saved is None or now.finished or now.id in self.may_be_gone:
            return  # a purge erases the objects before the record
        attempts = now.saved.attempts()
        listed = before.saved.attempts() if before.saved else ()
        assert attempts[: len(listed)] == listed, "saved work was given up"
        assert list(attempts) == sorted(attempts), "attempts mix"
        found = list(read_parts(self.world.deployment.platform, now))
        assert found == [part_of(attempt, number) for number, attempt in enumerate(attempts)]

    def check_end(self) -> None:
        """What must be true when everything has come to rest."""
        for job_id in self.answered:
            job = self.find(job_id)
            if job is None:
                continue
            assert job.finished, f"still {job.status}"
            assert job.outbox == (), "an event was never published"
            assert len(self.events.get(job_id, ())) == 1, "a job without an end that was told"
            self._check_told(job)

    def _check_told(self, job: Job) -> None:
        if job.webhook is None or job.id in self.may_be_gone:
            return  # a purge or an erasure that was cut short begins with the deliveries
        (event_id,) = self.events[job.id]
        delivery = self.world.deployment.platform.deliveries.get(event_id)
        if delivery.status is DeliveryStatus.DELIVERED:
            assert event_id in self.accepted, "recorded as delivered, never accepted"
        elif delivery.status is DeliveryStatus.FAILED:
            assert len(delivery.attempts) >= len(self.world.platform.webhooks.schedule)
        else:
            assert delivery.status is DeliveryStatus.SWITCHED_OFF, "never told"
