"""How the stores on DynamoDB list: by indexes, over pages, and reading no more than they give."""

from __future__ import annotations

from typing import Any

import pytest

from shared.domain.errors import Unavailable
from shared.domain.job import JobKind, Status
from shared.ports.job_store import JobQuery
from tests.support.aws_contracts import AwsAdapters
from tests.support.dynamo import counting
from tests.support.records import NOW, make_delivery, make_job

pytestmark = pytest.mark.usefixtures("no_waiting")


def test_a_filter_reads_only_what_it_gives(aws: AwsAdapters) -> None:
    store = aws.job_store()
    for number in range(30):
        store.create(
            make_job(f"job_{number:02d}", created_at=NOW + number, status=Status.COMPLETED)
        )
    store.create(make_job("failed", status=Status.FAILED))
    store.create(make_job("again", kind=JobKind.REDIARIZATION, status=Status.COMPLETED))
    for query in (
        JobQuery(tenant="acme", status=Status.FAILED),
        JobQuery(tenant="acme", kind=JobKind.REDIARIZATION),
    ):
        read = 0

        def count(parsed: Any, **_: object) -> None:
            nonlocal read
            read += parsed["ScannedCount"]

        events = aws.clients.dynamodb.meta.events
        events.register("after-call.dynamodb.Query", count)
        assert len(store.query(query).jobs) == 1
        events.unregister("after-call.dynamodb.Query", count)
        assert read == 1


def test_lists_go_on_over_pages_that_dynamodb_cuts(aws: AwsAdapters) -> None:
    store = aws.job_store()
    text = "x" * 150_000
    for number in range(20):  # 3 MB, of which an answer of moto's holds one
        store.create(make_job(f"job_{number:02d}", created_at=NOW + number, metadata={"k": text}))
    with counting(aws.clients) as calls:
        page = store.query(JobQuery(tenant="acme", limit=19))
    assert calls["Query"] >= 3
    assert [job.id for job in page.jobs] == [f"job_{number:02d}" for number in range(19, 0, -1)]
    assert page.cursor is not None
    assert [job.id for job in store.pending(now=NOW, limit=50)][:2] == ["job_00", "job_01"]


def test_keys_that_were_left_unread_are_asked_for_again(
    aws: AwsAdapters, no_waiting: list[float]
) -> None:
    """DynamoDB answers with less than was asked for when it is busy, or at 16 MB."""
    store = aws.job_store()
    for number in range(3):
        store.create(make_job(f"job_{number}"))
    left = 2

    def leave_some(parsed: Any, **_: object) -> None:
        nonlocal left
        items = parsed["Responses"][aws.name]
        if left:
            left -= 1
            unread = items.copy()
            items.clear()
            keys = [{"pk": item["pk"], "sk": item["sk"]} for item in unread]
            parsed["UnprocessedKeys"] = {aws.name: {"Keys": keys, "ConsistentRead": True}}

    aws.clients.dynamodb.meta.events.register("after-call.dynamodb.BatchGetItem", leave_some)
    assert len(store.query(JobQuery(tenant="acme")).jobs) == 3
    assert len(no_waiting) == 2
    left = 99
    with pytest.raises(Unavailable):
        store.query(JobQuery(tenant="acme"))


def test_throttling_after_some_keys_were_read_is_waited_out_too(
    aws: AwsAdapters, no_waiting: list[float]
) -> None:
    """An answer with nothing in it is throttling, whatever came before."""
    store = aws.job_store()
    for number in range(3):
        store.create(make_job(f"job_{number}"))
    answers = 0

    def leave_two_and_then_all(parsed: Any, **_: object) -> None:
        nonlocal answers
        answers += 1
        items = parsed["Responses"][aws.name]
        unread = items[1:] if answers == 1 else items[:] if answers < 5 else []
        for item in unread:
            items.remove(item)
        if unread:
            keys = [{"pk": item["pk"], "sk": item["sk"]} for item in unread]
            parsed["UnprocessedKeys"] = {aws.name: {"Keys": keys, "ConsistentRead": True}}

    aws.clients.dynamodb.meta.events.register(
        "after-call.dynamodb.BatchGetItem", leave_two_and_then_all
    )
    assert len(store.query(JobQuery(tenant="acme")).jobs) == 3
    assert len(no_waiting) == 3, "what went on at once is not waited for"
    for place, waited in enumerate(no_waiting):
        assert 0.025 * 2**place <= waited <= 0.05 * 2**place


def test_times_that_leave_nothing_between_them_give_nothing(aws: AwsAdapters) -> None:
    aws.job_store().create(make_job())
    nothing = JobQuery(tenant="acme", created_from=NOW + 1, created_to=NOW)
    assert aws.job_store().query(nothing).jobs == ()


def test_tenants_with_much_to_send_cost_one_short_read_each(aws: AwsAdapters) -> None:
    store = aws.delivery_store()
    for number in range(40):
        store.create(make_delivery(f"evt_{number}", tenant=f"t{number % 2}"))
    with counting(aws.clients) as calls:
        assert store.due_tenants(now=NOW, limit=9) == ("t0", "t1")
    assert calls == {"Query": 8 + 2}, "one a shard to find its first, one to look behind each"
