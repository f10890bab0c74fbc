"""How often one job asks the services of AWS: fixed numbers, and more for parts and heartbeats."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.job_calls import Life, count_steps, open_life
from tests.support.sdk_counts import SERVICES, Calls, by_service

DOCS = Path(__file__).parents[3] / "docs"

#: Requests by step; docs/benchmarks.md has them by service.
STEPS = {
    "submit a URL": {
        "dynamodb GetItem": 1,
        "dynamodb TransactWriteItems": 1,
        "dynamodb UpdateItem": 2,
        "sqs SendMessage": 1,
    },
    "dispatch, starting a worker": {
        "batch ListJobs": 4,
        "batch SubmitJob": 1,
        "dynamodb BatchGetItem": 1,
        "dynamodb GetItem": 1,
        "dynamodb UpdateItem": 1,
    },
    "dispatch, a worker is free": {
        "batch ListJobs": 4,
        "dynamodb BatchGetItem": 1,
        "dynamodb GetItem": 1,
    },
    "work on it, to its end": {
        "dynamodb GetItem": 3,
        "dynamodb TransactWriteItems": 2,
        "dynamodb UpdateItem": 4,
        "eventbridge PutEvents": 2,
        "s3 DeleteObjects": 2,
        "s3 ListMultipartUploads": 2,
        "s3 ListObjectVersions": 2,
        "s3 PutObject": 2,
    },
    "each part that is saved": {
        "dynamodb GetItem": 1,
        "dynamodb UpdateItem": 1,
        "s3 PutObject": 1,
    },
    "each heartbeat": {"dynamodb GetItem": 1, "dynamodb UpdateItem": 1},
    "each look for a next job": {"dynamodb Query": 8},
    "more with speakers": {
        "dynamodb GetItem": 1,
        "dynamodb UpdateItem": 1,
        "s3 PutObject": 4,
    },
    "more with the audio in the bucket": {"s3 GetObject": 1},
    "hear of its beginning": {"dynamodb GetItem": 1},
    "hear of its end, send the webhook": {
        "dynamodb GetItem": 6,
        "dynamodb TransactWriteItems": 1,
        "dynamodb UpdateItem": 4,
        "s3 GetObject": 1,
        "secrets-manager GetSecretValue": 1,
    },
    "more for the first webhook in a minute": {"secrets-manager GetSecretValue": 2},
    "submit a form with the audio": {
        "dynamodb GetItem": 1,
        "dynamodb TransactWriteItems": 1,
        "dynamodb UpdateItem": 2,
        "s3 PutObject": 1,
        "sqs SendMessage": 1,
    },
}
#: What a job by URL with a webhook goes through for which a worker is started.
LIFE = (
    "submit a URL",
    "dispatch, starting a worker",
    "work on it, to its end",
    "hear of its beginning",
    "hear of its end, send the webhook",
)
PART, HEARTBEAT, LOOK = "each part that is saved", "each heartbeat", "each look for a next job"


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    with open_life(tmp_path_factory.mktemp("life")) as opened:
        yield opened


def row(step: str, calls: Calls) -> str:
    return f"| {step} | {' | '.join(str(times or '-') for times in by_service(calls).values())} |"


def summed(steps: dict[str, Calls]) -> str:
    """The sentence that both pages have."""
    whole: Calls = sum((steps[step] for step in LIFE), Counter())
    told = []
    for service, times in by_service(whole).items():
        more = [
            f"{by_service(steps[step])[service]} {each}"
            for step, each in ((PART, "a part"), (HEARTBEAT, "a heartbeat"), (LOOK, "a look"))
            if by_service(steps[step])[service]
        ]
        told.append(" + ".join([f"{SERVICES[service]} {times}", *more]))
    return "; ".join(told)


def test_each_step_asks_a_fixed_number_of_times_and_the_pages_tell_it(life: Life) -> None:
    steps = count_steps(life)
    assert {step: dict(calls) for step, calls in steps.items()} == STEPS
    page = (DOCS / "benchmarks.md").read_text(encoding="utf-8")
    missing = [wanted for step, calls in steps.items() if (wanted := row(step, calls)) not in page]
    assert not missing, "\n".join(missing)
    for name in ("benchmarks.md", "aws-table.md"):
        assert summed(steps) in " ".join((DOCS / name).read_text(encoding="utf-8").split()), name


def test_nothing_else_of_a_job_makes_it_ask_more(life: Life) -> None:
    """A longer job among many others asks what its parts and heartbeats say."""
    for _ in range(4):
        life.stage.completed()
    job = life.submit(diarize=True)
    worked = life.work(job, batches=6, heartbeats=5)
    expected: Calls = Counter()
    for step, times in {
        "work on it, to its end": 1,
        PART: worked.parts,
        HEARTBEAT: 5,
        LOOK: 1,
        "more with speakers": 1,
    }.items():
        expected.update({name: each * times for name, each in STEPS[step].items()})
    assert worked.calls == expected
    assert worked.parts >= 6
