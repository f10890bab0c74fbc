"""How often one job asks the services of AWS: its life through the functions and a real worker.

Against moto and the fake Batch. The functions' code is called as their entry points call it; the
worker is the job program's, its engine hears a word a second. What AWS itself asks is not seen:
Lambda's polling of the queues, EventBridge's rules, API Gateway.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from functions.api.factory import create_app
from functions.api.lambda_http import LambdaApi
from functions.dispatch.batch import handle_batch
from functions.observability.emit import MetricsLog
from functions.webhook.batch import WebhookBatch
from gpu_job.exit_codes import ExitCode
from gpu_job.held_job import HeldJob
from gpu_job.pipeline import TranscriptionPipeline
from gpu_job.steps.take_source import make_source_taker
from shared.domain.events import EventType
from shared.domain.job import Job
from shared.domain.messages import JobEvent
from shared.domain.transcript import Transcript
from shared.ports.platform import Platform
from shared.services.cancel_job import cancel_job
from shared.services.claim_job import claim_next
from shared.services.manage_webhooks import signing_secrets
from shared.settings import Settings
from shared.wiring.aws import open_aws
from tests.support.aws_stage import AwsStage, aws_stage, body_of
from tests.support.file_server import file_server
from tests.support.functions_aws import job_event_body, sqs_event
from tests.support.resumable import BATCH, ResumableEngines
from tests.support.sdk_counts import Calls, counting
from tests.support.workers import TENANT, make_worker, submit, wait_until

_NEVER = 3600.0  # seconds: heartbeats are made by hand
_AUDIO = b"RIFF"


@dataclass(frozen=True, kw_only=True)
class Worked:
    """What a worker asked from its start to its end, and how many parts it saved."""

    calls: Calls
    parts: int


@dataclass(frozen=True, kw_only=True)
class Life:
    """`stage` looks on without being counted; everything else goes through `platform`."""

    stage: AwsStage
    platform: Platform
    settings: Settings
    api: LambdaApi
    metrics: MetricsLog
    url: str
    counts: Calls

    def spent(self, act: Callable[[], object]) -> Calls:
        """What `act` asks for."""
        self.counts.clear()
        act()
        return Counter(self.counts)

    def post(self, event: dict[str, Any], **fields: Any) -> Job:
        """Submit through the API; `fields` are in place of the event's body."""
        if fields:
            event["body"] = json.dumps(fields)
        answer = self.api.handle(event)
        assert answer["statusCode"] == 202, answer
        return self.stage.platform.jobs.get(body_of(answer)["job_id"])

    def submit(self, **options: Any) -> Job:
        """Submit a URL, with a webhook."""
        fields = {"url": self.url, "webhook_url": self.stage.receiver.url, **options}
        return self.post(self.stage.submit(), **fields)

    def dispatch(self, job: Job) -> None:
        """Give the job's message to a dispatch function that has just started."""
        fresh = open_aws(self.settings)
        event = self.stage.queued(job)
        answer = handle_batch(fresh, event, metrics=self.metrics, time_left=lambda: _NEVER)
        assert answer == {"batchItemFailures": []}

    def tell(self, job: Job, kind: EventType) -> None:
        """Give an event of the job to the webhook function."""
        event = JobEvent(
            event_id=f"{job.id}_{kind.rpartition('.')[2]}",
            type=kind,
            job_id=job.id,
            tenant=job.tenant,
            occurred_at=self.platform.clock.now(),
        )
        batch = WebhookBatch(self.platform, metrics=self.metrics)
        answer = batch.handle(sqs_event(job_event_body(event)), time_left=lambda: _NEVER)
        assert answer == {"batchItemFailures": []}

    def work(self, job: Job, *, batches: int = 1, heartbeats: int = 0) -> Worked:
        """Run a worker that serves this job and then finds none."""
        engines = ResumableEngines(seconds=BATCH * batches)
        pipeline = TranscriptionPipeline(
            take_source=make_source_taker(self.settings, self.platform.blobs),
            engines=engines.engines(),
            models=self.settings.model_policy,
            max_seconds=100.0,
        )

        def serve(held: HeldJob, folder: Path, /) -> Transcript:
            def before(second: int) -> None:
                if second == 0:
                    for _ in range(heartbeats):
                        held.renew()  # what the heartbeat's thread calls
                else:
                    wait_until(lambda: self._saved(job) >= second)

            engines.before_batch = before
            return pipeline(held, folder)

        worker = make_worker(self.platform, serve, heartbeat=_NEVER, job=_NEVER)
        calls = self.spent(lambda: _expect(worker.run(job.id)))
        saved = self.stage.platform.jobs.get(job.id).saved
        return Worked(calls=calls, parts=0 if saved is None else saved.parts)

    def _saved(self, job: Job) -> float:
        saved = self.stage.platform.jobs.get(job.id).saved
        return 0.0 if saved is None else saved.done


@contextmanager
def open_life(folder: Path) -> Iterator[Life]:
    """Stage a deployment whose tenant has its signing secret already."""
    with file_server() as server, aws_stage(folder) as stage, counting() as counts:
        server.files["/a.wav"] = _AUDIO
        signing_secrets(stage.platform, TENANT)
        settings, metrics = Settings(), MetricsLog("tamlil")
        platform = open_aws(settings)
        api = LambdaApi(create_app(platform, settings, lazily=True), metrics=metrics)
        with closing(api):
            yield Life(
                stage=stage,
                platform=platform,
                settings=settings,
                api=api,
                metrics=metrics,
                url=f"{server.url}/a.wav",
                counts=counts,
            )


def count_steps(life: Life) -> dict[str, Calls]:
    """What each step of a job's life asks; what is more of something is told as the difference."""
    steps: dict[str, Calls] = {}
    jobs: list[Job] = []
    steps["submit a URL"] = life.spent(lambda: jobs.append(life.submit()))
    (first,) = jobs
    steps["dispatch, starting a worker"] = life.spent(lambda: life.dispatch(first))
    short = life.work(first)
    second = life.submit()
    steps["dispatch, a worker is free"] = life.spent(lambda: life.dispatch(second))
    long = life.work(second, batches=4)
    part = _each(_more(long.calls, short.calls), long.parts - short.parts)
    look = life.spent(lambda: claim_next(life.platform, worker="w", execution=None))

    def beyond(worked: Worked) -> Calls:
        return _more(worked.calls, short.calls, *[part] * (worked.parts - short.parts))

    steps["work on it, to its end"] = _more(short.calls, look, *[part] * short.parts)
    steps["each part that is saved"] = part
    steps["each heartbeat"] = _each(beyond(life.work(life.submit(), heartbeats=3)), 3)
    steps["each look for a next job"] = look
    steps["more with speakers"] = beyond(life.work(life.submit(diarize=True)))
    steps["more with the audio in the bucket"] = beyond(life.work(submit(life.stage.platform)))
    begun, ended = EventType.TRANSCRIPTION_PROCESSING, EventType.TRANSCRIPTION_COMPLETED
    steps["hear of its beginning"] = life.spent(lambda: life.tell(first, begun))
    fresh = life.spent(lambda: life.tell(second, ended))
    again = life.spent(lambda: life.tell(first, ended))
    steps["hear of its end, send the webhook"] = again
    steps["more for the first webhook in a minute"] = _more(fresh, again)
    steps["submit a form with the audio"] = life.spent(
        lambda: jobs.append(life.post(life.stage.request("submit_form")))
    )
    cancel_job(life.stage.platform, tenant=TENANT, job_id=jobs[-1].id)
    return steps


def _expect(code: ExitCode) -> None:
    assert code is ExitCode.OK


def _more(calls: Calls, *others: Calls) -> Calls:
    """`calls` without those of `others`; less of something is an error."""
    left = Counter(calls)
    for other in others:
        left.subtract(other)
    assert all(times >= 0 for times in left.values()), (calls, others)
    return +left


def _each(calls: Calls, number: int) -> Calls:
    assert all(times % number == 0 for times in calls.values()), (calls, number)
    return Counter({name: times // number for name, times in calls.items()})
