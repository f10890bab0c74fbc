"""Every metric of the functions, defined once: code emits by these names, the dashboard reads them.

CloudWatch takes them from log lines in its embedded metric format. On each there is the dimension
`SERVICE`, whose value is the deployment's name, so that two deployments in one account stay apart;
the dimensions named here come on top of it. A metric always carries all of its dimensions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from shared.domain.job import FINISHED, Status

NAMESPACE = "Tamlil"
#: The dimension that every metric has.
SERVICE = "service"


class Unit(StrEnum):
    """CloudWatch's words for units; ``None`` is a plain number."""

    COUNT = "Count"
    SECONDS = "Seconds"
    MILLISECONDS = "Milliseconds"
    NUMBER = "None"


@dataclass(frozen=True, kw_only=True, slots=True)
class Metric:
    """One metric.

    - meaning: what one value says
    - emitted_by: the function that emits it
    - statistic: CloudWatch's statistic that makes sense of a minute's values
    - dimensions: further dimensions, and every value that each can have
    """

    name: str
    unit: Unit
    meaning: str
    emitted_by: str
    statistic: str = "Sum"
    dimensions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


_QUEUES: Mapping[str, tuple[str, ...]] = {"queue": ("jobs", "webhooks")}

# What the sweep counts, once a minute: a state, of which the newest value is the truth.

JOBS = Metric(
    name="Jobs",
    unit=Unit.COUNT,
    meaning="Records in this status",
    emitted_by="sweep",
    statistic="Maximum",
    dimensions={"status": tuple(status.value for status in Status)},
)
NEXT_JOB_WAIT = Metric(
    name="NextJobWait",
    unit=Unit.SECONDS,
    meaning="How long the job has waited that the next free worker takes; 0 when none waits",
    emitted_by="sweep",
    statistic="Maximum",
)
ACTIVE_WORKERS = Metric(
    name="ActiveWorkers",
    unit=Unit.COUNT,
    meaning="Worker containers that are queued, starting or running",
    emitted_by="sweep",
    statistic="Maximum",
)
QUEUE_DEPTH = Metric(
    name="QueueDepth",
    unit=Unit.COUNT,
    meaning="Messages that wait in the queue",
    emitted_by="sweep",
    statistic="Maximum",
    dimensions=_QUEUES,
)
QUEUE_IN_FLIGHT = Metric(
    name="QueueInFlight",
    unit=Unit.COUNT,
    meaning="Messages that a function has in hand",
    emitted_by="sweep",
    statistic="Maximum",
    dimensions=_QUEUES,
)
DEAD_LETTERS = Metric(
    name="DeadLetters",
    unit=Unit.COUNT,
    meaning="Messages that failed too often and wait for a person",
    emitted_by="sweep",
    statistic="Maximum",
    dimensions=_QUEUES,
)
SWEPT = Metric(
    name="SweptRecords",
    unit=Unit.COUNT,
    meaning="Overdue records that a round of the sweep looked at",
    emitted_by="sweep",
)
SWEEP_TROUBLE = Metric(
    name="SweepTrouble",
    unit=Unit.COUNT,
    meaning="Overdue records, or whole parts of a round, that could not be mended this time",
    emitted_by="sweep",
)

# What Batch says of its containers, told to the sweep as it happens.

GPU_JOB_STARTS = Metric(
    name="GpuJobStarts",
    unit=Unit.COUNT,
    meaning="A worker container began to run",
    emitted_by="sweep",
)
GPU_JOB_WAIT = Metric(
    name="GpuJobWait",
    unit=Unit.SECONDS,
    meaning="From asking Batch for a container until it ran: capacity, boot and image pull",
    emitted_by="sweep",
    statistic="Average",
)
GPU_JOB_FAILURES = Metric(
    name="GpuJobFailures",
    unit=Unit.COUNT,
    meaning="A worker container ended as failed, terminated ones included",
    emitted_by="sweep",
)
WORKERS_LOST = Metric(
    name="WorkersLost",
    unit=Unit.COUNT,
    meaning="Jobs whose worker ended while it held them; they are tried again",
    emitted_by="sweep",
)

# Of single jobs, from their last event; of one job once, however often its event comes.

JOBS_ENDED = Metric(
    name="JobsEnded",
    unit=Unit.COUNT,
    meaning="Jobs that came to this end",
    emitted_by="webhook",
    dimensions={"status": tuple(sorted(status.value for status in FINISHED))},
)
JOB_WAIT = Metric(
    name="JobWait",
    unit=Unit.SECONDS,
    meaning="From submit to the first claim, of a completed job",
    emitted_by="webhook",
    statistic="Average",
)
JOB_DURATION = Metric(
    name="JobDuration",
    unit=Unit.SECONDS,
    meaning="From submit to completion",
    emitted_by="webhook",
    statistic="Average",
)
AUDIO_HOURS = Metric(
    name="AudioHours",
    unit=Unit.NUMBER,
    meaning="Hours of audio in a completed job",
    emitted_by="webhook",
)
REAL_TIME_FACTOR = Metric(
    name="RealTimeFactor",
    unit=Unit.NUMBER,
    meaning="Seconds from the first claim to completion per second of audio",
    emitted_by="webhook",
    statistic="Average",
)
ESTIMATED_COST = Metric(
    name="EstimatedCost",
    unit=Unit.NUMBER,
    meaning="Worker time of an ended job at TAMLIL_COST_PER_HOUR; absent when that is not set",
    emitted_by="webhook",
)
WEBHOOK_ATTEMPTS = Metric(
    name="WebhookAttempts",
    unit=Unit.COUNT,
    meaning="Attempts to deliver a webhook that came out so",
    emitted_by="webhook",
    dimensions={"outcome": ("delivered", "retry", "failed", "switched_off")},
)
WEBHOOK_LATENCY = Metric(
    name="WebhookLatency",
    unit=Unit.SECONDS,
    meaning="How long a receiver took to answer, or not to",
    emitted_by="webhook",
    statistic="Average",
)

# Of the doors.

DISPATCHES = Metric(
    name="Dispatches",
    unit=Unit.COUNT,
    meaning="What became of a queue message",
    emitted_by="dispatch",
    dimensions={"outcome": ("launched", "worker_busy", "nothing_to_do", "gave_up")},
)
OBJECTS = Metric(
    name="Objects",
    unit=Unit.COUNT,
    meaning="What became of an object that arrived in the bucket",
    emitted_by="intake",
    dimensions={"outcome": ("taken", "refused", "ignored")},
)
MESSAGES_FAILED = Metric(
    name="MessagesFailed",
    unit=Unit.COUNT,
    meaning="Messages that a function gave back, to come again or to become dead letters",
    emitted_by="dispatch, webhook",
    dimensions={"queue": ("jobs", "webhooks")},
)
API_REQUESTS = Metric(
    name="ApiRequests",
    unit=Unit.COUNT,
    meaning="Requests answered with a status of this class",
    emitted_by="api",
    dimensions={"status_class": ("2xx", "3xx", "4xx", "5xx")},
)
API_LATENCY = Metric(
    name="ApiLatency",
    unit=Unit.MILLISECONDS,
    meaning="How long a request took inside the function; long polls are left out",
    emitted_by="api",
    statistic="p95",
)

#: By name.
METRICS: Mapping[str, Metric] = {
    metric.name: metric for metric in list(globals().values()) if isinstance(metric, Metric)
}
