"""A call of every method of every store, queue and bucket, for tests of platforms that are away."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from shared.domain.api_keys import ApiKey
from shared.domain.events import EventType
from shared.domain.messages import JobEvent
from shared.ports.delivery_store import DeliveryQuery
from shared.ports.job_store import JobQuery
from shared.ports.rate_limiter import RateRule
from tests.support.contracts import Adapters
from tests.support.records import NOW, make_delivery, make_job

KEY = ApiKey(id="k", tenant="a", scopes=frozenset(), secret_hash="", created_at=NOW)
RULE = RateRule(limit=1, window_seconds=1.0, burst=1)
EVENT = JobEvent(event_id="e", type=EventType.WEBHOOK_TEST, job_id="j", tenant="a", occurred_at=NOW)


def every_call(platform: Adapters) -> dict[str, Callable[[], object]]:
    """The calls by name; the adapters are made now."""
    jobs, deliveries = platform.job_store(), platform.delivery_store()
    queue, (bus, _) = platform.job_queue(), platform.event_bus()
    keys, secrets = platform.key_store(), platform.secret_store()
    metrics, limiter = platform.metrics_store(), platform.rate_limiter()
    blobs = platform.blob_store()
    return {
        "jobs.create": lambda: jobs.create(make_job()),
        "jobs.get": lambda: jobs.get("job_1"),
        "jobs.find_unique": lambda: jobs.find_unique("a"),
        "jobs.replace": lambda: jobs.replace(make_job(version=1)),
        "jobs.delete": lambda: jobs.delete(make_job(version=1)),
        "jobs.query": lambda: jobs.query(JobQuery(tenant="acme")),
        "jobs.pending": lambda: jobs.pending(now=NOW, limit=9),
        "jobs.due": lambda: jobs.due(now=NOW, limit=9),
        "jobs.held_by": lambda: jobs.held_by("e"),
        "jobs.counts": jobs.counts,
        "deliveries.create": lambda: deliveries.create(make_delivery()),
        "deliveries.get": lambda: deliveries.get("evt_1"),
        "deliveries.replace": lambda: deliveries.replace(make_delivery(version=1)),
        "deliveries.query": lambda: deliveries.query(DeliveryQuery(tenant="acme")),
        "deliveries.due": lambda: deliveries.due(now=NOW, limit=9),
        "deliveries.due_tenants": lambda: deliveries.due_tenants(now=NOW, limit=9),
        "deliveries.delete_for_job": lambda: deliveries.delete_for_job("job_1"),
        "deliveries.switch_off": lambda: deliveries.switch_off("a", "u", now=NOW),
        "deliveries.switch_on": lambda: deliveries.switch_on("a", "u"),
        "deliveries.is_switched_off": lambda: deliveries.is_switched_off("a", "u"),
        "queue.send": lambda: queue.send("a"),
        "queue.receive": queue.receive,
        "queue.delete": lambda: queue.delete("r"),
        "queue.extend": lambda: queue.extend("r", visibility_seconds=1),
        "queue.depth": queue.depth,
        "queue.dead_letters": queue.dead_letters,
        "queue.redrive": queue.redrive,
        "bus.publish": lambda: bus.publish([EVENT]),
        "keys.add": lambda: keys.add(KEY),
        "keys.get": lambda: keys.get("k"),
        "keys.list": keys.list,
        "keys.revoke": lambda: keys.revoke("k", now=NOW),
        "secrets.get": lambda: secrets.get("s"),
        "secrets.put": lambda: secrets.put("s", "v"),
        "secrets.put_if_absent": lambda: secrets.put_if_absent("s", "v"),
        "metrics.add": lambda: metrics.add({"a": 1.0}),
        "metrics.read": metrics.read,
        "limiter.hit": lambda: limiter.hit("a", RULE, now=NOW),
        "blobs.put": lambda: blobs.put("a/b", [b"x"]),
        "blobs.put_file": lambda: blobs.put_file("a/b", Path(__file__)),
        "blobs.read": lambda: blobs.read("a/b"),
        "blobs.stream": lambda: list(blobs.stream("a/b")),
        "blobs.stat": lambda: blobs.stat("a/b"),
        "blobs.exists": lambda: blobs.exists("a/b"),
        "blobs.delete": lambda: blobs.delete("a/b"),
        "blobs.delete_prefix": lambda: blobs.delete_prefix("a"),
        "blobs.list": lambda: list(blobs.list("a")),
    }
