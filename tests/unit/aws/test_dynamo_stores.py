"""What the stores on DynamoDB promise beyond the ports, read with the SDK itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shared.adapters.aws import dynamo_table
from shared.adapters.aws.dynamo_records import record_item
from shared.domain.api_keys import ApiKey
from shared.domain.deliveries import Delivery
from shared.domain.errors import Conflict, LimitExceeded, Unavailable, VersionConflict
from shared.domain.job import Job, JobError, Status
from shared.ports.job_store import JobQuery
from tests.support.aws_contracts import AwsAdapters
from tests.support.dynamo import counting, losing_answers, refusing
from tests.support.records import NOW, make_delivery, make_full_job, make_job

pytestmark = pytest.mark.usefixtures("no_waiting")


def stored(aws: AwsAdapters, pk: str, sk: str) -> dict[str, Any] | None:
    answer: Any = aws.clients.dynamodb.get_item(
        TableName=aws.name, Key={"pk": {"S": pk}, "sk": {"S": sk}}
    )
    return answer.get("Item")  # type: ignore[no-any-return]


def error(code: str, **more: Any) -> dict[str, Any]:
    return {"Error": {"Code": code, "Message": code}, **more}


def cancelled(*codes: str) -> dict[str, Any]:
    reasons = [{"Code": code} for code in codes]
    return error("TransactionCanceledException", CancellationReasons=reasons)


# --- what lies in the table ---------------------------------------------------------------------


def test_a_record_is_one_document_and_what_it_is_found_by(aws: AwsAdapters) -> None:
    aws.job_store().create(make_job(recording_id="r1", unique_keys=("a",), wake_at=NOW))
    item = stored(aws, "job#job_1", "job")
    assert item is not None
    assert {name for name in item if name not in ("document", "write", "unique")} == {
        "pk", "sk", "version", "status", "age", "newest_pk", "status_pk", "group_pk",
        "due_pk", "due_at", "turn_pk", "turn",
    }  # fmt: skip
    key = stored(aws, "unique#a", "unique")
    assert key is not None
    assert key["job"] == {"S": "job_1"}


def test_a_finished_job_leaves_the_indexes_of_what_is_to_be_done(aws: AwsAdapters) -> None:
    store = aws.job_store()
    held = store.create(make_job(status=Status.PROCESSING, execution="e", wake_at=NOW))
    store.replace(replace(held, status=Status.COMPLETED, wake_at=None))
    item = stored(aws, "job#job_1", "job")
    assert item is not None
    assert not {"due_pk", "due_at", "turn_pk", "turn"} & set(item)


def test_hebrew_is_stored_as_itself_and_what_is_no_text_as_escapes(aws: AwsAdapters) -> None:
    store = aws.job_store()
    written = store.create(make_full_job())
    item = stored(aws, "job#job_full", "job")
    assert item is not None
    assert "שיחה 1 🎧" in item["document"]["S"]
    assert store.get(written.id) == written
    broken = store.create(make_job(metadata={"k": "\ud800"}, recording_id="\ud800"))
    assert store.get("job_1") == broken
    found = store.query(JobQuery(tenant="acme", recording_id="\ud800"))
    assert [job.id for job in found.jobs] == ["job_1"]


def test_ids_that_no_key_can_hold_are_unknown_like_others(aws: AwsAdapters) -> None:
    for name in ("", "x" * 5000, "\ud800", "é" * 700):
        with pytest.raises(Exception, match="there is no job"):
            aws.job_store().get(name)
        assert aws.key_store().get(name) is None
        assert aws.job_store().find_unique(name) is None


def largest_job() -> Job:
    """The longest of everything that the API takes, in letters of four bytes."""
    wide = "🎧"
    job = make_full_job()
    assert job.webhook is not None
    assert job.result is not None
    return replace(
        job,
        source=replace(job.source, url=wide * 2048, filename=wide * 200),
        options=replace(job.options, initial_prompt=wide * 2000, hotwords=wide * 200),
        webhook=replace(job.webhook, url=wide * 2048),
        recording_id=wide * 200,
        metadata={f"{number:02d}" + wide * 62: wide * 500 for number in range(16)},
        unique_keys=(wide * 300, wide * 1200),
        result=replace(job.result, warnings=(wide * 500,) * 20),
        error=JobError(code="c" * 100, detail=wide * 2000),
    )


def test_the_largest_legal_request_is_far_below_the_largest_item(aws: AwsAdapters) -> None:
    job = aws.job_store().create(largest_job())
    assert aws.job_store().get(job.id) == job
    item = stored(aws, f"job#{job.id}", "job")
    assert item is not None
    assert dynamo_table.item_bytes(item) < dynamo_table.MOST_ITEM_BYTES / 2


def test_a_record_that_no_item_can_hold_is_refused_before_it_is_written(aws: AwsAdapters) -> None:
    huge = make_job(metadata={"k": "x" * dynamo_table.MOST_ITEM_BYTES})
    with counting(aws.clients) as calls, pytest.raises(LimitExceeded) as caught:
        aws.job_store().create(huge)
    assert caught.value.code == "record_too_large"
    assert str(dynamo_table.MOST_ITEM_BYTES) in caught.value.detail
    small = aws.job_store().create(make_job())
    with pytest.raises(LimitExceeded):
        aws.job_store().replace(replace(huge, version=small.version))
    assert aws.job_store().get("job_1") == small
    assert calls == {}


def test_more_unique_keys_than_one_write_takes_are_a_limit_that_is_named(aws: AwsAdapters) -> None:
    keys = tuple(f"key {number}" for number in range(99))
    with pytest.raises(LimitExceeded, match="100"):
        aws.job_store().create(make_job(unique_keys=keys))
    aws.job_store().create(make_job(unique_keys=keys[:98]))


# --- writes -------------------------------------------------------------------------------------


def test_a_heartbeat_is_one_plain_write_and_a_change_of_status_one_transaction(
    aws: AwsAdapters,
) -> None:
    store = aws.job_store()
    job = store.create(make_job())
    with counting(aws.clients) as calls:
        job = store.replace(replace(job, progress=0.5))
    assert calls == {"UpdateItem": 1}
    with counting(aws.clients) as calls:
        store.replace(replace(job, status=Status.PROCESSING))
    assert calls == {"TransactWriteItems": 1}


def test_counts_stay_right_when_a_process_writes_what_another_read(aws: AwsAdapters) -> None:
    """Without having seen the record, a store does not know that the status changes."""
    job = aws.job_store().create(make_job())
    with counting(aws.clients) as calls:
        job = aws.job_store().replace(replace(job, status=Status.PROCESSING))
    assert calls == {"UpdateItem": 1, "TransactWriteItems": 1}
    assert job.version == 2
    aws.job_store().replace(replace(job, progress=0.5))
    expected = dict.fromkeys(Status, 0) | {Status.PROCESSING: 1}
    assert aws.job_store().counts() == expected
    with pytest.raises(VersionConflict):
        aws.job_store().replace(replace(job, status=Status.FAILED))
    assert aws.job_store().counts() == expected
    aws.job_store().delete(aws.job_store().get("job_1"))
    assert aws.job_store().counts() == dict.fromkeys(Status, 0)


@pytest.mark.parametrize("status", [Status.PENDING, Status.FAILED])
def test_a_write_whose_answer_was_lost_is_known_again_as_ones_own(
    aws: AwsAdapters, status: Status
) -> None:
    """moto knows no request tokens, so that the second try meets what the first has written."""
    store = aws.job_store()
    job = store.create(make_job())
    operation = "UpdateItem" if status is Status.PENDING else "TransactWriteItems"
    with losing_answers(aws.clients, operation), counting(aws.clients):
        written = store.replace(replace(job, status=status, progress=0.25))
    assert written.version == 2
    assert store.get("job_1") == written
    deliveries = aws.delivery_store()
    delivery = deliveries.create(make_delivery())
    with losing_answers(aws.clients, "UpdateItem"):
        assert deliveries.replace(delivery).version == 2


def test_a_key_whose_first_answer_was_lost_is_no_conflict(aws: AwsAdapters) -> None:
    key = ApiKey(id="k", tenant="acme", scopes=frozenset(), secret_hash="", created_at=NOW)
    store = aws.key_store()
    with losing_answers(aws.clients, "PutItem"):
        store.add(key)
    assert store.get("k") == key
    with pytest.raises(Conflict):
        store.add(key)


def test_transactions_that_meet_are_tried_again(aws: AwsAdapters, no_waiting: list[float]) -> None:
    busy = cancelled("None", "TransactionConflict"), cancelled("ThrottlingError", "None")
    with refusing(aws.clients, "TransactWriteItems", *busy) as calls:
        job = aws.job_store().create(make_job())
    assert calls["TransactWriteItems"] == 3
    with refusing(aws.clients, "UpdateItem", error("TransactionConflictException")) as calls:
        aws.job_store().replace(job)
    assert calls["UpdateItem"] == 2
    assert len(no_waiting) == 3


def test_a_failed_condition_counts_more_than_a_conflict(aws: AwsAdapters) -> None:
    aws.job_store().create(make_job())
    mixed = cancelled("ConditionalCheckFailed", "TransactionConflict")
    with refusing(aws.clients, "TransactWriteItems", mixed) as calls, pytest.raises(Conflict):
        aws.job_store().create(make_job())
    assert calls["TransactWriteItems"] == 1


def test_writers_that_meet_without_end_are_told_to_come_again(
    aws: AwsAdapters, no_waiting: list[float]
) -> None:
    job = aws.job_store().create(make_job())
    busy = [error("TransactionConflictException")] * 50
    with refusing(aws.clients, "UpdateItem", *busy) as calls, pytest.raises(Unavailable) as caught:
        aws.job_store().replace(job)
    assert caught.value.retryable
    assert calls["UpdateItem"] == 10
    assert sum(no_waiting) < 5.0


@pytest.mark.parametrize(
    ("refused", "retryable"),
    [
        (error("ProvisionedThroughputExceededException"), True),
        (error("ThrottlingException"), True),
        (error("RequestLimitExceeded"), True),
        (error("InternalServerError"), True),
        (error("ResourceNotFoundException"), True),
        (cancelled("ValidationError"), True),
        (error("AccessDeniedException"), False),
    ],
)
def test_what_dynamodb_refuses_is_unavailable(
    aws: AwsAdapters, *, refused: dict[str, Any], retryable: bool
) -> None:
    with (
        refusing(aws.clients, "TransactWriteItems", refused),
        pytest.raises(Unavailable) as caught,
    ):
        aws.job_store().create(make_job())
    assert caught.value.retryable is retryable
    with refusing(aws.clients, "Query", refused), pytest.raises(Unavailable):
        aws.job_store().due(now=NOW, limit=1)
    with refusing(aws.clients, "BatchGetItem", refused), pytest.raises(Unavailable):
        aws.job_store().counts()


def test_a_key_whose_holder_is_being_erased_is_asked_for_again(aws: AwsAdapters) -> None:
    first = aws.job_store().create(make_job(unique_keys=("a",)))
    held = {"Code": "ConditionalCheckFailed", "Item": {"job": {"S": "job_gone"}}}
    refused = error("TransactionCanceledException", CancellationReasons=[{"Code": "None"}, held])
    with refusing(aws.clients, "TransactWriteItems", refused) as calls:
        assert aws.job_store().create(make_job("job_2", unique_keys=("a",))) == first
    assert calls["TransactWriteItems"] == 2


# --- small stores -------------------------------------------------------------------------------


def test_all_deliveries_of_a_job_are_erased_with_their_links(aws: AwsAdapters) -> None:
    store = aws.delivery_store()
    for number in range(12):
        store.create(make_delivery(f"evt_{number}", created_at=NOW + number))
    store.delete_for_job("job_1")
    left: Any = aws.clients.dynamodb.scan(TableName=aws.name)
    assert left["Items"] == []


def test_a_rate_is_kept_as_whole_microseconds_and_forgotten_when_whole(aws: AwsAdapters) -> None:
    from shared.ports.rate_limiter import RateRule

    rule = RateRule(limit=2, window_seconds=10.0, burst=3)
    with counting(aws.clients) as calls:
        aws.rate_limiter().hit("key/k", rule, now=NOW + 0.5)
    assert calls == {"UpdateItem": 1}, "a caller at rest costs one call"
    item = stored(aws, "rate#key/k", "rate")
    assert item is not None
    assert item["arrival"] == {"N": "1800000005500000"}
    assert int(item["expires_at"]["N"]) > NOW + 15
    with counting(aws.clients) as calls:
        aws.rate_limiter().hit("key/k", rule, now=NOW + 0.5)
    assert calls == {"UpdateItem": 2}, "one in a burst costs two"


def test_many_counters_are_added_in_as_few_calls_as_an_expression_holds(aws: AwsAdapters) -> None:
    store = aws.metrics_store()
    many = {f'x{{le="{number}"}}': 0.1 for number in range(150)}
    with counting(aws.clients) as calls:
        store.add(many)
    assert calls == {"UpdateItem": 2}
    for _ in range(9):
        store.add(many)
    assert store.read() == dict.fromkeys(many, 1.0), "tenths add up without an error"


def test_the_attribute_names_of_a_record_are_never_written_into_an_expression() -> None:
    """DynamoDB reserves some 570 words (status, document, version, …); moto knows not all."""
    from shared.adapters.aws.dynamo_records import replacing

    update = replacing("p", "s", record_item(make_job(), found_by={}), version=1, status="pending")
    text = f"{update['UpdateExpression']} {update['ConditionExpression']}"
    bare = [word for word in text.replace(",", " ").split() if word[0] not in "#:"]
    assert set(bare) == {"SET", "REMOVE", "AND", "="}


def test_a_delivery_without_a_job_has_no_link(aws: AwsAdapters) -> None:
    created: Delivery = aws.delivery_store().create(make_delivery(job_id=None))
    everything: Any = aws.clients.dynamodb.scan(TableName=aws.name)
    assert [item["pk"]["S"] for item in everything["Items"]] == [f"delivery#{created.id}"]
