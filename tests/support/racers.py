"""What the racing callers of the contract suites do; module-level, so that spawn finds them."""

from __future__ import annotations

from dataclasses import replace

from shared.domain.errors import Conflict, VersionConflict
from shared.ports.rate_limiter import RateRule
from tests.support.contracts import Adapters
from tests.support.records import NOW, make_delivery, make_job

ROUNDS = 20
ROTATIONS = 5
MESSAGES = 60
BLOB_BYTES = 200_000
RULE = RateRule(limit=10, window_seconds=10.0, burst=25)


def create_with_shared_keys(platform: Adapters, number: int) -> list[str]:
    """Create a job per round, each round with one key that all racers want."""
    store = platform.job_store()
    return [
        store.create(make_job(f"job_{round_}_{number}", unique_keys=(f"key_{round_}",))).id
        for round_ in range(ROUNDS)
    ]


def replace_each_version_once(platform: Adapters, number: int) -> list[int]:
    """Write each version of ``job_1`` if nobody was quicker; the versions that this racer won."""
    store = platform.job_store()
    won = []
    for version in range(1, ROUNDS + 1):
        job = make_job(version=version, worker=f"racer {number}")
        try:
            written = store.replace(job)
        except VersionConflict:
            continue
        won.append(written.version)
    return won


def count_up(platform: Adapters, number: int) -> int:
    """Raise `attempt` of ``job_1``, reading again after every conflict; the conflicts met."""
    store = platform.job_store()
    conflicts = 0
    for _ in range(ROUNDS):
        while True:
            job = store.get("job_1")
            try:
                store.replace(replace(job, attempt=job.attempt + 1))
            except VersionConflict:
                conflicts += 1
            else:
                break
    return conflicts


def drain(platform: Adapters, number: int) -> list[str]:
    """Receive and delete until nothing is visible."""
    queue = platform.job_queue()
    taken: list[str] = []
    while received := queue.receive(limit=3, visibility_seconds=300):
        taken += [message.body for message in received]
        for message in received:
            queue.delete(message.receipt)
    return taken


def put_once(platform: Adapters, number: int) -> list[str]:
    """Write each object that nobody wrote yet; the keys that this racer won."""
    store = platform.blob_store()
    won = []
    for round_ in range(ROUNDS):
        key = f"once/{round_}"
        try:
            store.put(key, [bytes([65 + number]) * 1000], once=True)
        except Conflict:
            continue
        won.append(key)
    return won


def put_and_read(platform: Adapters, number: int) -> list[bytes]:
    """Replace ``shared/object`` with many times one letter, and read what is there."""
    store = platform.blob_store()
    seen = []
    for _ in range(ROUNDS):
        store.put("shared/object", [bytes([65 + number]) * (BLOB_BYTES // 4)] * 4)
        seen.append(store.read("shared/object"))
    return seen


def put_and_delete(platform: Adapters, number: int) -> int:
    """Put and erase an object of one's own in a folder that all share; how often it was there."""
    store = platform.blob_store()
    found = 0
    for _ in range(ROUNDS):
        store.put(f"shared/deep/{number}", [b"x"])
        found += store.exists(f"shared/deep/{number}")
        store.delete(f"shared/deep/{number}")
    return found


def hit_limit(platform: Adapters, number: int) -> int:
    """Ask for as much as the rule allows, all at one time; how much was allowed."""
    limiter = platform.rate_limiter()
    return sum(limiter.hit("shared", RULE, now=NOW).allowed for _ in range(RULE.burst))


def put_secret_if_absent(platform: Adapters, number: int) -> list[str]:
    """Offer a secret of one's own under names that all share."""
    store = platform.secret_store()
    return [
        store.put_if_absent(f"name {round_}", f"secret of {number}") for round_ in range(ROUNDS)
    ]


def rotate_secret(platform: Adapters, number: int) -> None:
    """Add versions to one name that all share."""
    store = platform.secret_store()
    for round_ in range(ROTATIONS):
        store.put("rotated", f"{number}.{round_}", keep=1000)


def count_metric(platform: Adapters, number: int) -> None:
    """Add 1 to a counter that all share, often."""
    store = platform.metrics_store()
    for _ in range(ROUNDS):
        store.add({"shared": 1.0, f"own {number}": 1.0})


def lock_delivery(platform: Adapters, number: int) -> int:
    """Try to take each version of ``evt_1``; how many were won."""
    store = platform.delivery_store()
    won = 0
    for version in range(1, ROUNDS + 1):
        try:
            store.replace(make_delivery(version=version, locked_until=NOW + number))
        except VersionConflict:
            continue
        won += 1
    return won


def create_delivery(platform: Adapters, number: int) -> list[str]:
    """Create the same deliveries as everybody else, each with a URL of one's own."""
    store = platform.delivery_store()
    return [
        store.create(make_delivery(f"evt_{round_}", url=f"https://r{number}.example")).url
        for round_ in range(ROUNDS)
    ]


def revoke_key(platform: Adapters, number: int) -> float | None:
    """Revoke ``key_1`` at a time of one's own."""
    return platform.key_store().revoke("key_1", now=NOW + number).revoked_at
