"""How often one job asks each service of AWS: counted where the SDK sends a request.

The job is submitted by URL with a key, dispatched while another worker is busy, claimed by a worker
that finishes at once, and told to a webhook. Left out is what costs by time: heartbeats (2 calls to
DynamoDB each), a waiting worker's looks for the next job; and what Lambda itself does with queues.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3
import httpx

from bench.findings import BenchmarkBroken
from bench.report import Row, measured
from shared.domain.events import EventType
from shared.domain.messages import JobEvent
from shared.services.claim_job import claim_job
from shared.services.deliver_webhook import deliver_webhook
from shared.services.dispatch_job import dispatch_job
from shared.services.manage_keys import authenticate, limit_rate
from shared.services.record_event import record_event
from shared.services.work_on_job import complete_job
from tests.support.aws_stage import AwsStage, aws_stage
from tests.support.world import make_transcript


def count_calls(folder: Path) -> tuple[Row, ...]:
    """A row for each service: calls of a tenant's second job, when its secrets are known."""
    with _counting() as counts, aws_stage(folder) as stage:
        _one_job(stage)
        counts.clear()
        _one_job(stage)
        found = dict(counts)
    return tuple(
        measured(f"calls per job: {service}", times, unit="calls")
        for service, times in sorted(found.items())
    )


@contextmanager
def _counting() -> Iterator[Counter[str]]:
    """Clients that are made within count what they send, under the service's name."""
    counts: Counter[str] = Counter()

    def note(event_name: str, **_: Any) -> None:
        counts[event_name.split(".")[1]] += 1

    class Session(boto3.Session):
        def __init__(self, *args: Any, **more: Any) -> None:
            super().__init__(*args, **more)
            self.events.register("before-send", note)

    with patch("boto3.Session", Session):
        yield counts


def _one_job(stage: AwsStage) -> None:
    platform = stage.platform
    limit_rate(platform, authenticate(platform, stage.token))
    job = stage.job(webhook=True)
    dispatch_job(platform, job.id)
    held = claim_job(platform, job.id, worker="bench", execution="bench#1")
    if held is None:
        raise BenchmarkBroken("the job could not be claimed")
    complete_job(platform, held, make_transcript())
    ended = JobEvent(
        event_id=f"{job.id}_completed",
        type=EventType.TRANSCRIPTION_COMPLETED,
        job_id=job.id,
        tenant=job.tenant,
        occurred_at=platform.clock.now(),
    )
    delivery = record_event(platform, ended)
    if delivery is None:
        raise BenchmarkBroken("the event made no delivery")
    with httpx.Client() as client:
        deliver_webhook(platform, delivery.id, client=client)
