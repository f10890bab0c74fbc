"""CloudWatch's limits on metrics, and what the dashboard relies on."""

from __future__ import annotations

import re

import pytest
from aws_lambda_powertools.metrics import MetricUnit

from functions.observability.metrics import DISPATCHES, JOBS, METRICS, SERVICE, Metric
from shared.domain.job import Status
from shared.services.dispatch_job import Dispatch

FUNCTIONS = {"api", "intake", "dispatch", "webhook", "sweep"}


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS.keys())
def test_a_metric_is_one_that_cloudwatch_takes(metric: Metric) -> None:
    assert re.fullmatch(r"[A-Za-z][A-Za-z0-9]{0,254}", metric.name)
    assert metric.unit.value in {unit.value for unit in MetricUnit} | {"None"}
    assert len(metric.dimensions) < 30
    assert SERVICE not in metric.dimensions
    assert re.fullmatch(r"Sum|Average|Minimum|Maximum|SampleCount|p\d{2}", metric.statistic)


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS.keys())
def test_a_metric_says_what_it_means_and_who_emits_it(metric: Metric) -> None:
    assert len(metric.meaning) > 10
    assert set(metric.emitted_by.split(", ")) <= FUNCTIONS
    assert all(metric.dimensions.values()), "a dimension without values can't be drawn"


def test_no_two_metrics_have_one_name() -> None:
    import functions.observability.metrics as module

    defined = [value for value in vars(module).values() if isinstance(value, Metric)]
    assert len(defined) == len(METRICS) == len({metric.name for metric in defined})


def test_the_values_of_dimensions_are_those_of_the_code() -> None:
    assert set(DISPATCHES.dimensions["outcome"]) == {str(outcome) for outcome in Dispatch}
    assert set(JOBS.dimensions["status"]) == {str(status) for status in Status}
