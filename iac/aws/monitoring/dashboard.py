"""The dashboard: what an operator wants to see, in the order in which it is asked.

Its JSON is CloudWatch's "dashboard body structure and syntax".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from functions.observability import metrics as m
from iac.aws.monitoring.alarms import ALARMS
from iac.aws.monitoring.parts import (
    API,
    BUCKET,
    DEAD_LETTER_QUEUES,
    EVENT_BUS,
    FUNCTIONS,
    JOB_EVENTS_RULE,
    QUEUES,
    RULES,
    TABLE,
)
from iac.aws.monitoring.series import Series, aws, ours

#: CloudWatch's grid.
COLUMNS = 24
_HEIGHT = 6
_MINUTE = 60
_DAY = 86_400


@dataclass(frozen=True, kw_only=True, slots=True)
class Graph:
    """One graph; `right` is measured on the right axis, `period` is seconds."""

    title: str
    series: tuple[Series, ...]
    right: tuple[Series, ...] = ()
    stacked: bool = False
    unit: str | None = None
    period: int = _MINUTE


def _each(namespace: str, name: str, statistic: str, by: str, parts: Iterable[tuple[str, str]],
          what: str = "") -> tuple[Series, ...]:  # fmt: skip
    """One metric of AWS's for each of several parts."""
    return tuple(
        aws(namespace, name, statistic, f"{part} {what}".strip(), **{by: value})
        for part, value in parts
    )


def _queues(name: str, statistic: str, parts: Iterable[tuple[str, str]]) -> tuple[Series, ...]:
    return _each("AWS/SQS", name, statistic, "QueueName", parts)


def _functions(name: str, statistic: str) -> tuple[Series, ...]:
    return _each("AWS/Lambda", name, statistic, "FunctionName", FUNCTIONS.items())


def _api(name: str, statistic: str, label: str) -> Series:
    return aws("AWS/ApiGateway", name, statistic, label, ApiId=API)


def _table(name: str, label: str) -> Series:
    return aws("AWS/DynamoDB", name, "Sum", label, TableName=TABLE)


#: Rows from top to bottom: a heading, and its graphs side by side.
ROWS: Sequence[tuple[str, Sequence[Graph]]] = (
    (
        "Jobs",
        (
            Graph(title="Jobs by status", series=ours(m.JOBS), stacked=True),
            Graph(title="Jobs that ended", series=ours(m.JOBS_ENDED), stacked=True, period=300),
            Graph(
                title="How long jobs wait and take",
                unit="Seconds",
                series=(
                    *ours(m.NEXT_JOB_WAIT),
                    *ours(m.JOB_WAIT),
                    *ours(m.JOB_DURATION),
                    *ours(m.JOB_DURATION, statistic="p95"),
                ),
                period=300,
            ),
            Graph(
                title="Audio hours, and processing time per audio time",
                series=ours(m.AUDIO_HOURS),
                right=ours(m.REAL_TIME_FACTOR),
                period=3600,
            ),
        ),
    ),
    (
        "Workers",
        (
            Graph(title="Containers that wait or run", series=ours(m.ACTIVE_WORKERS)),
            Graph(
                title="Containers: starts, failures, lost jobs",
                series=(
                    *ours(m.GPU_JOB_STARTS),
                    *ours(m.GPU_JOB_FAILURES),
                    *ours(m.WORKERS_LOST),
                ),
                period=300,
            ),
            Graph(
                title="How long a container takes to start",
                unit="Seconds",
                series=(*ours(m.GPU_JOB_WAIT), *ours(m.GPU_JOB_WAIT, statistic="Maximum")),
                period=300,
            ),
            Graph(title="Estimated cost", series=ours(m.ESTIMATED_COST), period=3600),
        ),
    ),
    (
        "Queues",
        (
            Graph(
                title="Messages that wait",
                series=_queues("ApproximateNumberOfMessagesVisible", "Maximum", QUEUES.items()),
                right=ours(m.QUEUE_IN_FLIGHT),
            ),
            Graph(
                title="Depth, as the sweep counts it",
                series=ours(m.QUEUE_DEPTH),
                right=ours(m.DEAD_LETTERS),
            ),
            Graph(
                title="Age of the oldest message",
                unit="Seconds",
                series=_queues("ApproximateAgeOfOldestMessage", "Maximum", QUEUES.items()),
            ),
            Graph(
                title="Dead letters",
                series=_queues(
                    "ApproximateNumberOfMessagesVisible", "Maximum", DEAD_LETTER_QUEUES.items()
                ),
            ),
        ),
    ),
    (
        "Webhooks",
        (
            Graph(title="Attempts", series=ours(m.WEBHOOK_ATTEMPTS), stacked=True, period=300),
            Graph(
                title="How long receivers take",
                unit="Seconds",
                series=(*ours(m.WEBHOOK_LATENCY), *ours(m.WEBHOOK_LATENCY, statistic="p95")),
                period=300,
            ),
            Graph(title="Messages given back", series=ours(m.MESSAGES_FAILED), period=300),
        ),
    ),
    (
        "API",
        (
            Graph(
                title="Requests at the gateway",
                series=(
                    _api("Count", "Sum", "all"),
                    _api("4xx", "Sum", "4xx"),
                    _api("5xx", "Sum", "5xx"),
                ),
            ),
            Graph(title="Requests by class", series=ours(m.API_REQUESTS), stacked=True),
            Graph(
                title="Latency at the gateway, long polls included",
                unit="Milliseconds",
                series=(
                    _api("Latency", "p50", "p50"),
                    _api("Latency", "p95", "p95"),
                    _api("IntegrationLatency", "p95", "function p95"),
                ),
            ),
            Graph(
                title="Latency in the function",
                unit="Milliseconds",
                series=(*ours(m.API_LATENCY, statistic="p50"), *ours(m.API_LATENCY)),
            ),
        ),
    ),
    (
        "Doors and sweep",
        (
            Graph(title="Dispatches", series=ours(m.DISPATCHES), stacked=True, period=300),
            Graph(title="Objects", series=ours(m.OBJECTS), stacked=True, period=300),
            Graph(
                title="Sweep",
                series=(*ours(m.SWEPT), *ours(m.SWEEP_TROUBLE)),
            ),
            Graph(
                title="Events that reached no target",
                series=(
                    *_each("AWS/Events", "FailedInvocations", "Sum", "RuleName", RULES.items()),
                    *_each("AWS/Events", "InvocationsSentToDlq", "Sum", "RuleName", RULES.items(),
                           "set aside"),
                    aws("AWS/Events", "InvocationsSentToDlq", "Sum", "jobs set aside",
                        EventBusName=EVENT_BUS, RuleName=JOB_EVENTS_RULE),
                ),
                period=300,
            ),
        ),
    ),
    (
        "Functions",
        (
            Graph(title="Invocations", series=_functions("Invocations", "Sum")),
            Graph(
                title="Errors and throttles",
                series=_functions("Errors", "Sum"),
                right=_functions("Throttles", "Sum"),
            ),
            Graph(
                title="Duration (p95)", unit="Milliseconds", series=_functions("Duration", "p95")
            ),
            Graph(title="Running at once", series=_functions("ConcurrentExecutions", "Maximum")),
        ),
    ),
    (
        "Data",
        (
            Graph(
                title="Table: capacity units a minute",
                series=(
                    _table("ConsumedReadCapacityUnits", "read"),
                    _table("ConsumedWriteCapacityUnits", "written"),
                ),
                right=(
                    _table("ReadThrottleEvents", "reads throttled"),
                    _table("WriteThrottleEvents", "writes throttled"),
                ),
            ),
            Graph(
                title="Bucket: bytes and objects, once a day",
                series=(
                    aws("AWS/S3", "BucketSizeBytes", "Average", "bytes",
                        BucketName=BUCKET, StorageType="StandardStorage"),
                ),
                right=(
                    aws("AWS/S3", "NumberOfObjects", "Average", "objects",
                        BucketName=BUCKET, StorageType="AllStorageTypes"),
                ),
                period=_DAY,
            ),
        ),
    ),
)  # fmt: skip


def body() -> dict[str, Any]:
    """The dashboard's document; region and names are left to the template."""
    widgets: list[dict[str, Any]] = [_alarms()]
    top = _HEIGHT // 2
    for heading, graphs in ROWS:
        widgets.append(_widget("text", 0, top, COLUMNS, 1, {"markdown": f"## {heading}"}))
        width = COLUMNS // len(graphs)
        widgets += [
            _widget("metric", place * width, top + 1, width, _HEIGHT, _graph(graph))
            for place, graph in enumerate(graphs)
        ]
        top += 1 + _HEIGHT
    return {"start": "-PT12H", "periodOverride": "inherit", "widgets": widgets}


def _alarms() -> dict[str, Any]:
    arns = [f"${{{alarm.id}.Arn}}" for alarm in ALARMS]
    return _widget("alarm", 0, 0, COLUMNS, _HEIGHT // 2, {"title": "Alarms", "alarms": arns})


def _widget(
    kind: str, x: int, y: int, width: int, height: int, properties: dict[str, Any]
) -> dict[str, Any]:
    place = {"x": x, "y": y, "width": width, "height": height}
    return {"type": kind, **place, "properties": properties}


def _graph(graph: Graph) -> dict[str, Any]:
    left: dict[str, Any] = {"min": 0, "showUnits": False}
    if graph.unit:
        left["label"] = graph.unit
    axes = {"left": left}
    if graph.right:
        axes["right"] = {"min": 0, "showUnits": False}
    lines = [_line(series, "left") for series in graph.series]
    lines += [_line(series, "right") for series in graph.right]
    return {
        "title": graph.title,
        "region": "${AWS::Region}",
        "view": "timeSeries",
        "stacked": graph.stacked,
        "period": graph.period,
        "metrics": lines,
        "yAxis": axes,
    }


def _line(series: Series, axis: str) -> list[Any]:
    named = [item for pair in series.dimensions.items() for item in pair]
    label = series.label
    if series.statistic not in ("Sum", "Maximum") and series.statistic not in label:
        label = f"{label} ({series.statistic})"
    return [
        series.namespace,
        series.name,
        *named,
        {"stat": series.statistic, "label": label, "yAxis": axis},
    ]
