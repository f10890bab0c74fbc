from __future__ import annotations

from dataclasses import replace

import pytest

from shared.domain.costs import estimated_cost
from shared.domain.job import Job, Source, SourceKind, Status

JOB = Job(
    id="job_1",
    tenant="acme",
    status=Status.COMPLETED,
    source=Source(kind=SourceKind.URL, url="https://media.example.com/a.wav"),
    created_at=100.0,
    started_at=200.0,
    finished_at=1100.0,
)


def test_a_job_costs_the_time_from_its_first_claim_to_its_end() -> None:
    assert estimated_cost(JOB, 1.2) == pytest.approx(0.3)


@pytest.mark.parametrize("job", [JOB, replace(JOB, finished_at=None)])
def test_without_a_price_or_before_the_end_nothing_is_claimed(job: Job) -> None:
    assert estimated_cost(job, None if job.finished_at else 1.2) is None


def test_a_job_that_no_worker_took_cost_nothing() -> None:
    assert estimated_cost(replace(JOB, started_at=None), 1.2) == 0.0


def test_clocks_that_disagree_make_no_negative_cost() -> None:
    assert estimated_cost(replace(JOB, finished_at=150.0), 1.2) == 0.0
