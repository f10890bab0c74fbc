"""What a widget or an alarm reads: one metric of ours or of an AWS service, with its dimensions.

Values of dimensions are parameters of the template, as in ``${JobsQueueName}``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

from functions.observability.metrics import NAMESPACE, SERVICE, Metric

#: The dimension that tells deployments apart, as the template knows it.
DEPLOYMENT = "${Deployment}"

#: Metrics that AWS's services publish by themselves: the sets of dimensions that each comes with.
#: From their user guides, "Available CloudWatch metrics"; only those that are used here.
AWS_METRICS: Mapping[tuple[str, str], frozenset[frozenset[str]]] = {
    (namespace, name): frozenset(frozenset(dimensions) for dimensions in sets)
    for namespace, names, sets in (
        (
            "AWS/SQS",
            "ApproximateNumberOfMessagesVisible ApproximateAgeOfOldestMessage",
            [["QueueName"]],
        ),
        (
            "AWS/Lambda",
            """Invocations Errors Throttles Duration ConcurrentExecutions
            DestinationDeliveryFailures""",
            [["FunctionName"]],
        ),
        (
            "AWS/ApiGateway",
            "Count 4xx 5xx Latency IntegrationLatency",
            [["ApiId"], ["ApiId", "Stage"]],
        ),
        (
            "AWS/DynamoDB",
            """ConsumedReadCapacityUnits ConsumedWriteCapacityUnits
            ReadThrottleEvents WriteThrottleEvents""",
            [["TableName"], ["TableName", "GlobalSecondaryIndexName"]],
        ),
        (
            "AWS/Events",
            "FailedInvocations InvocationsSentToDlq",
            [["RuleName"], ["EventBusName", "RuleName"]],
        ),
        ("AWS/S3", "BucketSizeBytes NumberOfObjects", [["BucketName", "StorageType"]]),
    )
    for name in names.split()
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """One line of a graph, or what an alarm watches."""

    namespace: str
    name: str
    dimensions: Mapping[str, str]
    statistic: str
    label: str


def ours(metric: Metric, *, statistic: str | None = None, **only: str) -> tuple[Series, ...]:
    """A metric of ours, one series for each value that its dimensions have.

    `only` names one value of a dimension.
    """
    names = list(metric.dimensions)
    values = [[only[name]] if name in only else metric.dimensions[name] for name in names]
    for name, value in only.items():
        if value not in metric.dimensions[name]:
            msg = f"{metric.name} knows no {name} {value!r}"
            raise ValueError(msg)
    return tuple(
        Series(
            namespace=NAMESPACE,
            name=metric.name,
            dimensions={SERVICE: DEPLOYMENT} | dict(zip(names, chosen, strict=True)),
            statistic=statistic or metric.statistic,
            label=" ".join(chosen) or metric.name,
        )
        for chosen in product(*values)
    )


def aws(namespace: str, name: str, statistic: str, label: str, **dimensions: str) -> Series:
    """A metric of AWS's own.

    Raises:
        ValueError: it is not one that we know to exist with these dimensions.
    """
    if frozenset(dimensions) not in AWS_METRICS.get((namespace, name), frozenset()):
        msg = f"{namespace} has no {name} by {sorted(dimensions)}"
        raise ValueError(msg)
    return Series(
        namespace=namespace, name=name, dimensions=dimensions, statistic=statistic, label=label
    )
