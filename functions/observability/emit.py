"""Writes values of the metrics that `metrics` defines, as log lines that CloudWatch reads."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from aws_lambda_powertools.metrics import EphemeralMetrics

from functions.observability.metrics import NAMESPACE, Metric

_Dimensions = tuple[tuple[str, str], ...]


class MetricsLog:
    """Collects values; `flush` writes one line for each set of dimensions.

    A value that is not written because the process dies is lost: metrics are for graphs and
    alarms, records are for truth. Any thread may add.
    """

    def __init__(self, deployment: str) -> None:
        self._deployment = deployment
        self._lines: dict[_Dimensions, EphemeralMetrics] = {}
        self._lock = threading.Lock()

    def add(
        self, metric: Metric, value: float = 1.0, dimensions: Mapping[str, str] | None = None
    ) -> None:
        """Take one value, with exactly the dimensions that the metric defines.

        Raises:
            ValueError: other dimensions, or a value that a dimension does not have.
        """
        given = dimensions or {}
        if given.keys() != metric.dimensions.keys():
            msg = f"{metric.name} has the dimensions {list(metric.dimensions)}, not {list(given)}"
            raise ValueError(msg)
        for name, named in given.items():
            if named not in metric.dimensions[name]:
                msg = f"{metric.name} knows no {name} {named!r}"
                raise ValueError(msg)
        with self._lock:
            self._line(tuple(sorted(given.items()))).add_metric(
                name=metric.name, unit=metric.unit.value, value=value
            )

    def flush(self) -> None:
        """Write what was collected since the last time."""
        with self._lock:
            lines, self._lines = self._lines, {}
        for line in lines.values():
            if line.metric_set:  # the library writes by itself when a line is full
                line.flush_metrics()

    def _line(self, dimensions: _Dimensions) -> EphemeralMetrics:
        line = self._lines.get(dimensions)
        if line is None:
            line = EphemeralMetrics(namespace=NAMESPACE, service=self._deployment)
            for name, value in dimensions:
                line.add_dimension(name=name, value=value)
            self._lines[dimensions] = line
        return line
