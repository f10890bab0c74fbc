"""What wakes a person, and what that person reads first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from functions.observability import metrics as m
from iac.aws.monitoring.parts import API, DEAD_LETTER_QUEUES, FUNCTIONS, QUEUES, TABLE
from iac.aws.monitoring.series import Series, aws, ours


@dataclass(frozen=True, kw_only=True, slots=True)
class Alarm:
    """Goes off when the series' sum is at or over `at_least` in one period (seconds).

    - says: what is wrong, and where to look
    - below: instead, when it is lower than this; then silence is an alarm too
    """

    id: str
    says: str
    series: tuple[Series, ...]
    period: int
    at_least: float | None = None
    below: float | None = None


def _visible(queue: str) -> tuple[Series, ...]:
    name = "ApproximateNumberOfMessagesVisible"
    return (aws("AWS/SQS", name, "Maximum", queue, QueueName=DEAD_LETTER_QUEUES[queue]),)


def _age(queue: str) -> tuple[Series, ...]:
    name = "ApproximateAgeOfOldestMessage"
    return (aws("AWS/SQS", name, "Maximum", queue, QueueName=QUEUES[queue]),)


def _functions(name: str, *which: str) -> tuple[Series, ...]:
    return tuple(
        aws("AWS/Lambda", name, "Sum", function, FunctionName=FUNCTIONS[function])
        for function in which or FUNCTIONS
    )


def _errors() -> Iterator[Alarm]:
    for function in FUNCTIONS:
        yield Alarm(
            id=f"{function.title()}Errors",
            says=f"The {function} function failed at least 3 times in 5 minutes; see its log.",
            series=_functions("Errors", function),
            period=300,
            at_least=3,
        )


ALARMS: Sequence[Alarm] = (
    Alarm(
        id="JobsDeadLetters",
        says="Messages of jobs failed too often and lie in the dead-letter queue. The jobs"
        " themselves are sent again by the sweep; see the dispatch function's log.",
        series=_visible("jobs"),
        period=60,
        at_least=1,
    ),
    Alarm(
        id="WebhookDeadLetters",
        says="Events or deliveries failed too often and lie in the webhooks' dead-letter queue;"
        " see the webhook function's log, then redrive the queue.",
        series=_visible("webhooks"),
        period=60,
        at_least=1,
    ),
    Alarm(
        id="FailedEvents",
        says="An event of the bucket, of Batch or of a job reached no function; it lies in the"
        " queue of failed events.",
        series=_visible("events"),
        period=60,
        at_least=1,
    ),
    Alarm(
        id="JobsQueueAge",
        says="A message has waited for 10 minutes for the dispatch function.",
        series=_age("jobs"),
        period=300,
        at_least=600,
    ),
    Alarm(
        id="WebhookQueueAge",
        says="A message has waited for 30 minutes for the webhook function; retries are sent up to"
        " 15 minutes ahead.",
        series=_age("webhooks"),
        period=300,
        at_least=1800,
    ),
    Alarm(
        id="JobsWaitLong",
        says="A job that could run has waited for an hour: no GPU capacity, no quota, or workers"
        " that fail to start.",
        series=ours(m.NEXT_JOB_WAIT),
        period=300,
        at_least=3600,
    ),
    Alarm(
        id="WorkersDontStart",
        says="A job was given up because the workers started for it never claimed it; see Batch"
        " and the workers' log.",
        series=ours(m.DISPATCHES, outcome="gave_up"),
        period=300,
        at_least=1,
    ),
    Alarm(
        id="GpuJobFailures",
        says="3 worker containers ended as failed within half an hour (cancelled ones count); see"
        " the workers' log.",
        series=ours(m.GPU_JOB_FAILURES),
        period=1800,
        at_least=3,
    ),
    Alarm(
        id="WebhooksGivenUp",
        says="A webhook was given up after its last attempt; see GET /api/v1/webhooks/deliveries.",
        series=ours(m.WEBHOOK_ATTEMPTS, outcome="failed"),
        period=300,
        at_least=1,
    ),
    *_errors(),
    Alarm(
        id="FunctionThrottles",
        says="Functions were throttled at least 10 times in 5 minutes: the account's or a reserved"
        " concurrency is used up.",
        series=_functions("Throttles"),
        period=300,
        at_least=10,
    ),
    Alarm(
        id="EventsLost",
        says="Lambda dropped events, or could not set them aside; see the functions of intake and"
        " sweep.",
        series=_functions("DestinationDeliveryFailures", "intake", "sweep"),
        period=300,
        at_least=1,
    ),
    Alarm(
        id="Api5xx",
        says="The API answered 5xx at least 5 times in 5 minutes; see its log.",
        series=(aws("AWS/ApiGateway", "5xx", "Sum", "5xx", ApiId=API),),
        period=300,
        at_least=5,
    ),
    Alarm(
        id="SweepStopped",
        says="The sweep has not run for 5 minutes: overdue jobs and webhooks wait; see its schedule"
        " and its log.",
        series=_functions("Invocations", "sweep"),
        period=300,
        below=1,
    ),
    Alarm(
        id="SweepTrouble",
        says="The sweep could not mend at least 10 records in 15 minutes; see its log.",
        series=ours(m.SWEEP_TROUBLE),
        period=900,
        at_least=10,
    ),
    Alarm(
        id="TableThrottles",
        says="The table refused at least 10 requests in 5 minutes because they came too fast.",
        series=tuple(
            aws("AWS/DynamoDB", name, "Sum", name, TableName=TABLE)
            for name in ("ReadThrottleEvents", "WriteThrottleEvents")
        ),
        period=300,
        at_least=10,
    ),
)


def properties(alarm: Alarm) -> dict[str, Any]:
    """The alarm as CloudFormation's ``AWS::CloudWatch::Alarm``, names not yet put in."""
    falls = alarm.below is not None
    common: dict[str, Any] = {
        "AlarmDescription": alarm.says,
        "ComparisonOperator": "LessThanThreshold" if falls else "GreaterThanOrEqualToThreshold",
        "Threshold": alarm.below if falls else alarm.at_least,
        "EvaluationPeriods": 1,
        "TreatMissingData": "breaching" if falls else "notBreaching",
    }
    if len(alarm.series) == 1:
        (series,) = alarm.series
        return common | _metric(series) | {"Period": alarm.period} | _statistic(series)
    parts = [f"m{number}" for number in range(len(alarm.series))]
    queries: list[dict[str, Any]] = [
        {
            "Id": part,
            "ReturnData": False,
            "MetricStat": {
                "Metric": _metric(series),
                "Period": alarm.period,
                "Stat": series.statistic,
            },
        }
        for part, series in zip(parts, alarm.series, strict=True)
    ]
    total = " + ".join(f"FILL({part}, 0)" for part in parts)
    queries.append({"Id": "total", "Label": alarm.id, "Expression": total, "ReturnData": True})
    return common | {"Metrics": queries}


def _metric(series: Series) -> dict[str, Any]:
    dimensions = [{"Name": name, "Value": value} for name, value in series.dimensions.items()]
    return {"Namespace": series.namespace, "MetricName": series.name, "Dimensions": dimensions}


def _statistic(series: Series) -> dict[str, str]:
    return {"Statistic": series.statistic}
