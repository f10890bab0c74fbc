"""Anything may happen in any order, and the promises of the architecture hold all the same."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from shared.domain.deliveries import DeliveryStatus
from shared.domain.job import Job, JobError, Stage, Status
from shared.domain.messages import JobEvent, JobQueued, decode
from shared.domain.saved_work import SavedWork
from shared.ports.job_queue import JobQueue
from shared.services.cancel_job import cancel_job, purge_job
from shared.services.claim_job import claim_job, claim_next
from shared.services.dispatch_job import dispatch_job
from shared.services.keys_of_blobs import upload_key
from shared.services.manage_webhooks import redeliver_webhook
from shared.services.record_event import record_event
from shared.services.start_upload import object_arrived
from shared.services.submission import UploadAudio
from shared.services.submit_job import submit_job
from shared.services.sweep import execution_ended, sweep
from shared.services.work_on_job import complete_job, fail_attempt, release_job, report_progress
from tests.support.faults import Action, be_unavailable, die
from tests.support.pipeline import Ledger, save_part
from tests.support.world import (
    HOOK,
    World,
    bytes_audio,
    make_transcript,
    open_world,
    url_submission,
)

ERASING = ("jobs.delete", "blobs.delete_prefix")
RECORD = ("jobs.replace", "events.publish", "queue.send")
Break = tuple[str, str, int] | None
INDEX = st.integers(0, 7)
SETTINGS = dict[str, Any](max_workers=2, upload_seconds=100.0, webhook_schedule=(0.0, 5.0, 60.0))
DRAIN_ROUNDS = 60


def breaks_at(*calls: str) -> st.SearchStrategy[Break]:
    """Nothing, or what goes wrong before or after one of these calls."""
    points = [f"{when} {call}" for call in calls for when in ("before", "after")]
    return st.none() | st.tuples(
        st.sampled_from(points), st.sampled_from(["death", "outage", "race"]), st.integers(0, 1)
    )


class PipelineMachine(RuleBasedStateMachine):
    """Callers, queues, workers, deliverers and crashes, played one step at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.resources = ExitStack()
        folder = self.resources.enter_context(tempfile.TemporaryDirectory())
        self.world: World = self.resources.enter_context(self.open(Path(folder)))
        self.ledger = Ledger(world=self.world)
        self.held: list[Job] = []
        self.saved: dict[tuple[str, int], SavedWork] = {}
        self.uploads: list[str] = []

    def open(self, folder: Path) -> AbstractContextManager[World]:
        """The platform to try; another machine may try another."""
        return open_world(folder, **SETTINGS)

    def settle(self) -> None:
        """Let the platform come to rest, where something of it follows after a moment."""

    # --- callers -------------------------------------------------------------------------------

    @initialize()
    def there_is_a_job(self) -> None:
        self._submit(None, webhook=HOOK)

    @rule(
        kind=st.sampled_from(["url", "bytes", "upload", "short-lived", "k1", "k2"]),
        breaks=breaks_at("jobs.create", "blobs.put", "queue.send"),
    )
    def submit(self, kind: str, breaks: Break) -> None:
        # One key always stands for the same request.
        key = kind if kind in ("k1", "k2") else None
        changes: dict[str, Any] = {"webhook": HOOK, "idempotency_key": key}
        if kind == "bytes":
            changes["audio"] = bytes_audio()
        elif kind == "upload":
            self.uploads.append(f"upl_{len(self.uploads):026d}")
            changes["audio"] = UploadAudio(upload_id=self.uploads[-1])
        elif kind == "short-lived":
            changes["retention_seconds"] = 50.0
        with self.breaking(breaks):
            self._submit(key, **changes)

    def _submit(self, key: str | None, **changes: Any) -> None:
        submission = url_submission(**changes)
        answer = self.ledger.attempt(lambda: submit_job(self.world.platform, submission))
        if answer is not None:
            self.ledger.answer(answer.job, key=key)
            if submission.retention_seconds is not None:
                self.ledger.may_be_gone.add(answer.job.id)

    @precondition(lambda self: self.uploads)
    @rule(index=INDEX)
    def upload_arrives(self, index: int) -> None:
        key = upload_key("acme", self.uploads[index % len(self.uploads)])
        self.world.deployment.platform.blobs.put(key, [b"audio"])
        self.ledger.attempt(lambda: object_arrived(self.world.platform, key))

    @precondition(lambda self: self.ledger.answered)
    @rule(
        index=INDEX,
        purge=st.sampled_from([False, False, True]),
        breaks=breaks_at(*RECORD, *ERASING, "launcher.stop", "deliveries.delete_for_job"),
    )
    def cancel_or_purge(self, index: int, breaks: Break, *, purge: bool) -> None:
        job_id = self._answered(index)
        with self.breaking(breaks):
            if purge:
                self.ledger.may_be_gone.add(job_id)
                self.ledger.attempt(
                    lambda: purge_job(self.world.platform, tenant="acme", job_id=job_id)
                )
            else:
                self._cancel(job_id)

    def _cancel(self, job_id: str) -> None:
        done = self.ledger.attempt(
            lambda: cancel_job(self.world.platform, tenant="acme", job_id=job_id)
        )
        if done is not None:
            assert done.status is Status.CANCELLED
            self.ledger.cancelled.add(job_id)

    def _answered(self, index: int) -> str:
        return sorted(self.ledger.answered)[index % len(self.ledger.answered)]

    # --- queues --------------------------------------------------------------------------------

    @rule(what=st.sampled_from(["duplicate", "drop", "delay"]), events=st.booleans())
    def meddle_with_messages(self, what: str, *, events: bool) -> None:
        deployment = self.world.deployment
        queue = deployment.event_queue if events else deployment.platform.queue
        for message in queue.receive(limit=1, visibility_seconds=40.0):
            if what == "duplicate":
                queue.send(message.body)
                queue.extend(message.receipt, visibility_seconds=0)
            elif what == "drop" and not events:  # a bus may repeat an event, not lose it
                queue.delete(message.receipt)

    @rule(breaks=breaks_at("jobs.replace", "launcher.start"))
    def dispatch(self, breaks: Break) -> None:
        with self.breaking(breaks):
            self._consume(self.world.deployment.platform.queue, self._dispatch)

    def _dispatch(self, body: str) -> None:
        dispatch_job(self.world.platform, decode(JobQueued, body).job_id)

    def _hear(self, body: str) -> None:
        event = decode(JobEvent, body)
        self.ledger.hear(event)
        record_event(self.world.platform, event)

    def _consume(self, queue: JobQueue, handle: Callable[[str], None]) -> bool:
        """Handle one message; False when none is visible. Only a handled one is deleted."""
        received = queue.receive(limit=1, visibility_seconds=30.0)
        for message in received:
            if self.ledger.succeeds(partial(handle, message.body)):
                queue.delete(message.receipt)
        return bool(received)

    # --- workers -------------------------------------------------------------------------------

    @rule(index=INDEX, named=st.booleans(), breaks=breaks_at("jobs.replace", "events.publish"))
    def claim(self, index: int, *, named: bool, breaks: Break) -> None:
        running = sorted(self.world.launcher.running)
        execution = running[index % len(running)] if running else None
        known = sorted(self.ledger.answered) if named else []
        with self.breaking(breaks):
            self._claim(execution, known[index % len(known)] if known else None)

    def _claim(self, execution: str | None, job_id: str | None = None) -> None:
        platform = self.world.platform
        got = self.ledger.attempt(
            lambda: (
                claim_job(platform, job_id, worker="w", execution=execution)
                if job_id
                else claim_next(platform, worker="w", execution=execution)
            )
        )
        if got is not None:
            self.held.append(got)

    @precondition(lambda self: self.held)
    @rule(
        index=INDEX,
        what=st.sampled_from(
            ["progress", "save", "save", "complete", "complete", "retry", "fail", "release"]
        ),
        breaks=breaks_at(*RECORD, "blobs.put"),
    )
    def work(self, index: int, what: str, breaks: Break) -> None:
        """The newest claim first; old ones are the stale workers that write late."""
        with self.breaking(breaks):
            self._work(self.held[-1 - index % len(self.held)], what)

    def _work(self, job: Job, what: str) -> None:
        platform = self.world.platform
        error = JobError(code="x", detail="y", retryable=what == "retry")
        acts: dict[str, Callable[[], Job]] = {
            "progress": lambda: report_progress(
                platform, job.id, attempt=job.attempt, stage=Stage.TRANSCRIBING, progress=0.5
            ),
            "save": lambda: save_part(platform, job, self.saved),
            "complete": lambda: complete_job(platform, job, make_transcript()),
            "release": lambda: release_job(platform, job),
        }
        after = self.ledger.attempt(acts.get(what, lambda: fail_attempt(platform, job, error)))
        assert after is None or after.attempt == job.attempt, "a stale attempt was not refused"

    @rule(breaks=breaks_at(*RECORD, "blobs.put"))
    def a_worker_does_a_job(self, breaks: Break) -> None:
        before = len(self.held)
        self._claim(None)
        self.ledger.check()
        with self.breaking(breaks):
            if len(self.held) > before:
                self._work(self.held[-1], "complete")

    @precondition(lambda self: self.held)
    @rule(index=INDEX, what=st.sampled_from(["complete", "retry", "release", "save"]))
    def a_hanging_worker_is_replaced_and_then_writes(self, index: int, what: str) -> None:
        stale = self.held[-1 - index % len(self.held)]
        self.world.clock.advance(21.0)
        self.ledger.attempt(lambda: sweep(self.world.platform))
        self.ledger.check()
        self.world.clock.advance(10.0)
        self._claim(None, stale.id)
        self.ledger.check()
        self._work(stale, what)

    @precondition(lambda self: self.world.launcher.running)
    @rule(index=INDEX, noticed=st.booleans())
    def worker_dies(self, index: int, *, noticed: bool) -> None:
        running = sorted(self.world.launcher.running)
        execution = running[index % len(running)]
        self.world.launcher.running.discard(execution)
        if noticed:
            self.ledger.attempt(lambda: execution_ended(self.world.platform, execution))

    # --- time, sweep and faults ----------------------------------------------------------------

    @rule(
        seconds=st.sampled_from([0.5, 3.0, 6.0, 21.0, 61.0, 120.0]),
        breaks=breaks_at(*RECORD, *ERASING, "launcher.stop"),
    )
    def time_passes_and_the_sweep_comes(self, seconds: float, breaks: Break) -> None:
        self.world.clock.advance(seconds)
        with self.breaking(breaks):
            self.ledger.attempt(lambda: sweep(self.world.platform))

    @contextmanager
    def breaking(self, breaks: Break) -> Iterator[None]:
        """In the block, a process dies, a port is silent or somebody else is quicker."""
        if breaks is not None:
            point, what, skip = breaks
            actions: dict[str, Action] = {
                "death": die, "outage": be_unavailable, "race": self._race
            }  # fmt: skip
            self.world.faults.once(point, actions[what], skip=skip)
        yield
        self.world.faults.clear()

    def _race(self) -> None:
        """Somebody else acts while a service is between two of its calls."""
        self.ledger.check()
        for act in (lambda: sweep(self.world.platform), self._race_of_workers):
            act()
            self.ledger.check()

    def _race_of_workers(self) -> None:
        pending = self.world.deployment.platform.jobs.pending(now=self.world.clock.now(), limit=1)
        if self.held and not pending:
            self._work(self.held[-1], "complete")
        else:
            self._claim(None)

    # --- webhooks ------------------------------------------------------------------------------

    @rule(
        index=INDEX,
        answer=st.sampled_from([200, 200, 204, 302, 410, 500]),
        during=st.sampled_from(["nothing", "death", "overtaken"]),
        breaks=breaks_at("deliveries.create", "deliveries.replace"),
    )
    def deliver(self, index: int, answer: int, during: str, breaks: Break) -> None:
        with self.breaking(breaks):
            while self._consume(self.world.deployment.event_queue, self._hear):
                pass
        due = self.world.deployment.platform.deliveries.due(now=self.world.clock.now(), limit=8)
        if due:
            with self.breaking(breaks):
                self._deliver(due[index % len(due)].id, answer, during)

    @rule(index=INDEX)
    def redeliver(self, index: int) -> None:
        known = self.ledger.deliveries()
        if known:
            delivery = known[index % len(known)]
            platform = self.world.deployment.platform
            again = self.ledger.attempt(
                lambda: redeliver_webhook(platform, tenant="acme", delivery_id=delivery.id)
            )
            if again is not None:
                self.ledger.delivered.discard(delivery.id)

    def _deliver(self, delivery_id: str, answer: int, during: str = "nothing") -> None:
        answered: list[int] = []

        def receiver(request: httpx.Request) -> httpx.Response:
            self.ledger.receive(request, answer)
            answered.append(answer)
            if during == "death":
                die()
            if during == "overtaken":
                self.world.clock.advance(31.0)
                self._deliver(delivery_id, 200)
            return httpx.Response(answer)

        delivery = self.world.deployment.platform.deliveries.get(delivery_id)
        after = self.ledger.attempt(lambda: self.world.deliver(delivery, receiver))
        if after is not None and answered and 200 <= answer < 300:
            assert after.status is DeliveryStatus.DELIVERED, "a success was not kept"
        self.ledger.note_deliveries()

    # --- promises ------------------------------------------------------------------------------

    @invariant()
    def promises_hold(self) -> None:
        self.ledger.check()

    def teardown(self) -> None:
        with self.resources:
            self.world.faults.clear()
            for _ in range(DRAIN_ROUNDS):
                if self._drain_once():
                    break
                self.world.clock.advance(20.0)
                self.world.launcher.running.clear()  # every worker ends; dispatch must start more
            self.ledger.check_end()

    def _drain_once(self) -> bool:
        """Everybody does what is theirs to do; True when nothing is left to do."""
        platform, events = self.world.deployment.platform, self.world.deployment.event_queue
        self.settle()
        sweep(platform)
        self.ledger.check()
        events.redrive()
        while self._consume(platform.queue, self._dispatch):
            pass
        for _ in sorted(self.world.launcher.running):
            self.ledger.check()
            if (job := claim_next(platform, worker="w", execution=None)) is not None:
                self.ledger.check()
                complete_job(platform, job, make_transcript())
        while self._consume(events, self._hear):
            pass
        self.settle()
        for delivery in platform.deliveries.due(now=self.world.clock.now(), limit=100):
            self._deliver(delivery.id, 200)
        self.ledger.check()
        unfinished = [job for job in self.ledger.seen.values() if self._open(job)]
        waiting = [d for d in self.ledger.deliveries() if d.wake_at is not None]
        return not (unfinished or waiting or events.depth().in_flight)

    def _open(self, job: Job) -> bool:
        now = self.ledger.find(job.id)
        return now is not None and (not now.finished or bool(now.outbox))


TestPipeline = PipelineMachine.TestCase
TestPipeline.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
