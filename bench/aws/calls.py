"""How often one job asks each service of AWS, by step: see `tests.support.job_calls`.

`tests/unit/aws/test_job_calls.py` holds the same numbers, and the pages that tell them.
"""

from __future__ import annotations

from pathlib import Path

from bench.report import Row, measured
from tests.support.job_calls import count_steps, open_life
from tests.support.sdk_counts import SERVICES, by_service


def count_calls(folder: Path) -> tuple[Row, ...]:
    """A row for each step and service that it asks."""
    with open_life(folder) as life:
        steps = count_steps(life)
    return tuple(
        measured(f"calls of a job: {step}: {SERVICES[service]}", times, unit="calls")
        for step, calls in steps.items()
        for service, times in by_service(calls).items()
        if times
    )
