"""How often one job's life asks DynamoDB, and what that costs: fixed numbers, written down."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from functions.api.prometheus import _COUNTERS as COUNTERS
from shared.adapters.aws.table_schema import SHARDS
from shared.domain.api_keys import ApiKey, Scope, generate_token
from shared.domain.deliveries import Delivery
from shared.domain.job import Stage
from shared.domain.messages import JobEvent
from shared.ports.job_store import JobQuery
from shared.services import count_jobs
from shared.services.claim_job import claim_next
from shared.services.dispatch_job import dispatch_job
from shared.services.manage_keys import authenticate, limit_rate
from shared.services.record_event import record_event
from shared.services.sweep import sweep
from shared.services.work_on_job import complete_job, report_progress
from tests.support.aws_world import DynamoWorld, open_dynamo_world
from tests.support.dynamo_units import Spent, spending
from tests.support.world import HOOK, make_transcript

PAGE = Path(__file__).parents[3] / "docs" / "aws-table.md"

#: Calls by operation of each step; docs/aws-table.md shows the same.
LIFE = {
    "submit": {"TransactWriteItems": 1, "UpdateItem": 1},
    "dispatch": {"GetItem": 1, "BatchGetItem": 1, "UpdateItem": 1},
    "claim": {"GetItem": 1, "TransactWriteItems": 1, "UpdateItem": 1},
    "each heartbeat": {"GetItem": 1, "UpdateItem": 1},
    "finish": {"GetItem": 1, "TransactWriteItems": 1, "UpdateItem": 2},
    "record the webhook": {"GetItem": 2, "TransactWriteItems": 1},
    "send the webhook": {"GetItem": 3, "UpdateItem": 3},
}
AROUND = {
    "check a key and its rate": {"GetItem": 1, "UpdateItem": 1},
    "read a job": {"GetItem": 1},
    "look for the next job, none waits": {"Query": 8},
    "a round of the sweep, nothing due": {"Query": 8},
    "a page of a tenant's jobs": {"Query": 1, "BatchGetItem": 1},
}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[DynamoWorld]:
    with open_dynamo_world(tmp_path / "data") as opened:
        hold_all_counters(opened)
        yield opened


def hold_all_counters(world: DynamoWorld) -> None:
    """As after some days: whichever of the items an increment is added to, it has every counter."""
    names = [
        *count_jobs._histogram("tamlil_job_duration_seconds", 0.5),
        *count_jobs._histogram("tamlil_job_wait_seconds", 0.5),
        *(name for name in COUNTERS if name.startswith("tamlil_")),
        *(
            f'tamlil_webhook_attempts_total{{outcome="{outcome}"}}'
            for outcome in ("delivered", "retry", "failed", "switched_off")
        ),
    ]
    for shard in range(SHARDS):
        item: Any = {"pk": {"S": f"metric#{shard}"}, "sk": {"S": "metric"}}
        item |= {name: {"N": "12345.5"} for name in names}
        world.aws.clients.dynamodb.put_item(TableName=world.aws.name, Item=item)


def spent(world: DynamoWorld, call: Callable[[], object]) -> Spent:
    with spending(world.aws) as found:
        call()
    return found


def live(world: DynamoWorld) -> dict[str, Spent]:
    """One job from submit to webhook; the queue, the bus and the blobs are not DynamoDB's."""
    found: dict[str, Spent] = {}
    with spending(world.aws) as found["submit"]:
        job = world.submit(webhook=HOOK)
    found["dispatch"] = spent(world, lambda: dispatch_job(world.platform, job.id))
    with spending(world.aws) as found["claim"]:
        held = world.claim(job)
    world.clock.advance(20.0)
    found["each heartbeat"] = spent(
        world,
        lambda: report_progress(
            world.platform, job.id, attempt=1, stage=Stage.TRANSCRIBING, progress=0.5
        ),
    )
    found["finish"] = spent(world, lambda: complete_job(world.platform, held, make_transcript()))
    events = [event for event in world.published() if event.event_id.endswith("completed")]
    assert len(events) == 1
    with spending(world.aws) as found["record the webhook"]:
        delivery = recorded(world, events[0])
    found["send the webhook"] = spent(
        world, lambda: world.deliver(delivery, lambda _: httpx.Response(204))
    )
    return found


def recorded(world: DynamoWorld, event: JobEvent) -> Delivery:
    delivery = record_event(world.platform, event)
    assert delivery is not None
    return delivery


def around(world: DynamoWorld) -> dict[str, Spent]:
    """What happens beside, once there is a job."""
    world.platform.metrics.add({"a": 1.0})
    key_id, token, secret_hash = generate_token()
    key = ApiKey(
        id=key_id, tenant="acme", scopes=frozenset(Scope), secret_hash=secret_hash, created_at=1.0
    )
    world.platform.keys.add(key)
    calls: dict[str, Callable[[], object]] = {
        "check a key and its rate": lambda: limit_rate(
            world.platform, authenticate(world.platform, token)
        ),
        "read a job": lambda: world.platform.jobs.get(job.id),
        "look for the next job, none waits": lambda: claim_next(
            world.platform, worker="w", execution=None
        ),
        "a round of the sweep, nothing due": lambda: sweep(world.platform),
        "a page of a tenant's jobs": lambda: world.platform.jobs.query(JobQuery(tenant="acme")),
    }
    job = world.completed()
    return {name: spent(world, call) for name, call in calls.items()}


def row(name: str, cost: Spent) -> str:
    calls = ", ".join(f"{operation} {times}" for operation, times in sorted(cost.calls.items()))
    return f"| {name} | {calls} | {sum(cost.calls.values())} | {cost.writes:g} | {cost.reads:g} |"


def test_a_job_asks_a_fixed_number_of_times_and_the_page_about_the_table_tells_it(
    world: DynamoWorld,
) -> None:
    life, beside = live(world), around(world)
    assert {name: dict(cost.calls) for name, cost in life.items()} == LIFE
    assert {name: dict(cost.calls) for name, cost in beside.items()} == AROUND
    page = PAGE.read_text(encoding="utf-8")
    rows = [row(name, cost) for name, cost in (life | beside).items()]
    missing = [wanted for wanted in rows if wanted not in page]
    assert not missing, "\n".join(missing)
    whole = life.values()
    heartbeat = life["each heartbeat"]
    calls, writes, reads = (
        sum(sum(cost.calls.values()) for cost in whole) - sum(heartbeat.calls.values()),
        sum(cost.writes for cost in whole) - heartbeat.writes,
        sum(cost.reads for cost in whole) - heartbeat.reads,
    )
    assert f"{calls} calls, {writes:g} write units and {reads:g} read units" in page


def test_the_calls_of_a_job_do_not_grow_with_the_jobs_that_there_are(world: DynamoWorld) -> None:
    for _ in range(12):
        world.completed()
    world.published()
    found = live(world)
    assert {name: dict(cost.calls) for name, cost in found.items()} == LIFE
