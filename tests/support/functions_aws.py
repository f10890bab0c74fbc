"""Events in the shapes that AWS documents, or made up, and what functions leave behind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from shared.domain.messages import JobEvent, encode
from shared.ports.platform import Platform
from tests.support.world import World, open_world

EVENTS = Path(__file__).parents[1] / "events"


def documented(name: str) -> dict[str, Any]:
    """An event of ``tests/events``: as AWS documents it, recorded from no account."""
    found: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))
    return found


def documented_names(function: str) -> list[str]:
    """All such events of one function."""
    return sorted(f"{function}/{path.stem}" for path in (EVENTS / function).glob("*.json"))


def sqs_event(*bodies: str) -> dict[str, Any]:
    """A batch; the first message's id is ``m1``."""
    template = documented("dispatch/jobs")["Records"][0]
    records = [
        template | {"messageId": f"m{number}", "body": body}
        for number, body in enumerate(bodies, start=1)
    ]
    return {"Records": records}


def job_event_body(event: JobEvent) -> str:
    """What the bus's rule puts into the webhook queue: the event in EventBridge's envelope."""
    envelope = json.loads(documented("webhook/job_completed")["Records"][0]["body"])
    detail = json.loads(encode(event))
    return json.dumps(envelope | {"detail-type": str(event.type), "detail": detail})


def failed_ids(answer: dict[str, Any]) -> list[str]:
    """The messages that SQS is told to give again."""
    return [item["itemIdentifier"] for item in answer["batchItemFailures"]]


@dataclass
class Emitted:
    """Values of metrics, as CloudWatch would take them from what was printed."""

    values: dict[str, list[float]] = field(default_factory=dict)

    def of(self, name: str, **dimensions: str) -> list[float]:
        """The values of one metric with these dimensions beside the deployment's."""
        return self.values.get(_label(name, dimensions), [])


def read_emitted(printed: str, *, deployment: str = "tamlil") -> Emitted:
    """Read lines of the embedded metric format; any other line fails the test."""
    emitted = Emitted()
    for line in printed.splitlines():
        entry = json.loads(line)
        (directive,) = entry["_aws"]["CloudWatchMetrics"]
        assert directive["Namespace"] == "Tamlil"
        (names,) = directive["Dimensions"]
        assert entry["service"] == deployment
        dimensions = {name: entry[name] for name in names if name != "service"}
        for metric in directive["Metrics"]:
            label = _label(metric["Name"], dimensions)
            emitted.values.setdefault(label, []).extend(entry[metric["Name"]])
    return emitted


def _label(name: str, dimensions: dict[str, str]) -> str:
    return " ".join([name, *(f"{key}={value}" for key, value in sorted(dimensions.items()))])


@contextmanager
def open_aws_world(data_dir: Path, **settings: Any) -> Iterator[World]:
    """A world whose webhook function is fed by a queue, as on AWS."""
    with open_world(data_dir, **settings) as world:
        world.platform = with_webhook_queue(world.platform, world)
        yield world


def with_webhook_queue(platform: Platform, world: World) -> Platform:
    """The embedded mode's event queue plays the webhook queue; the bus does not feed it here."""
    from shared.adapters.local.sqlite_job_queue import SqliteJobQueue

    queue = SqliteJobQueue(world.deployment.database, name="webhooks", clock=world.clock)
    return replace(platform, webhook_queue=queue)


def told(world: World) -> list[str]:
    """Deliveries that the webhook queue names now; their messages are taken."""
    queue = world.platform.webhook_queue
    assert queue is not None
    found: list[str] = []
    while received := queue.receive(limit=100):
        for message in received:
            found.append(json.loads(message.body)["delivery_id"])
            queue.delete(message.receipt)
    return found


@dataclass
class FakeContext:
    """Of Lambda's context only what functions use."""

    aws_request_id: str = "8f507cfc-xmpl-4697-b07a-ac58fc914c95"
    milliseconds: int = 55_000

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds
