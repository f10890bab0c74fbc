"""What of the SQS queue no other queue has: its limits, and dead letters that are looked at."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shared.adapters.aws.sqs_batches import send_batch
from shared.adapters.aws.sqs_job_queue import SqsJobQueue
from shared.domain.errors import InvalidRequest, LimitExceeded, Unavailable
from tests.support.aws_contracts import AwsAdapters
from tests.support.aws_parts import make_queue


@pytest.fixture
def aws() -> Iterator[AwsAdapters]:
    adapters = AwsAdapters()
    yield adapters
    adapters.close()


@pytest.fixture
def queue(aws: AwsAdapters) -> SqsJobQueue:
    return make_queue(aws.clients, aws.name, max_receives=1)


def test_a_message_may_be_as_large_as_sqs_takes_and_no_larger(queue: SqsJobQueue) -> None:
    queue.send("x" * 1000)
    with pytest.raises(LimitExceeded) as caught:
        queue.send("\u05d0" * (1 << 19) + "x")
    assert caught.value.code == "message_too_large"
    assert "1048576" in caught.value.detail


@pytest.mark.parametrize("body", ["", "a\x00b", "\ufffe"])
def test_what_sqs_has_no_character_for_is_refused(queue: SqsJobQueue, body: str) -> None:
    with pytest.raises(InvalidRequest):
        queue.send(body)


def test_a_delay_beyond_fifteen_minutes_is_refused_not_shortened(queue: SqsJobQueue) -> None:
    queue.send("late", delay_seconds=899.1)
    with pytest.raises(LimitExceeded) as caught:
        queue.send("later", delay_seconds=900.1)
    assert caught.value.code == "delay_too_long"
    assert queue.depth().waiting == 1


def test_no_message_is_hidden_for_more_than_twelve_hours(queue: SqsJobQueue) -> None:
    queue.send("a")
    with pytest.raises(LimitExceeded):
        queue.receive(visibility_seconds=12 * 3600 + 1)
    (message,) = queue.receive(visibility_seconds=60)
    with pytest.raises(LimitExceeded) as caught:
        queue.extend(message.receipt, visibility_seconds=12 * 3600 + 1)
    assert caught.value.code == "visibility_too_long"


def test_more_than_ten_messages_come_in_one_receive(queue: SqsJobQueue) -> None:
    for number in range(23):
        queue.send(str(number))
    assert len(queue.receive(limit=21)) == 21
    assert len(queue.receive(limit=21)) == 2


def test_messages_in_hand_are_given_out_when_the_next_request_fails(
    aws: AwsAdapters, queue: SqsJobQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(12):
        queue.send(str(number))
    receive, asked = aws.clients.sqs.receive_message, iter(range(1))

    def once(**arguments: object) -> object:
        if next(asked, None) is None:
            raise ConnectionError
        return receive(**arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(aws.clients.sqs, "receive_message", _unavailable_after(once))
    assert len(queue.receive(limit=12)) == 10
    with pytest.raises(Unavailable):
        queue.receive()


def _unavailable_after(call: object) -> object:
    from botocore.exceptions import EndpointConnectionError

    def translated(**arguments: object) -> object:
        try:
            return call(**arguments)  # type: ignore[operator]
        except ConnectionError as exc:
            raise EndpointConnectionError(endpoint_url="http://sqs.test") from exc

    return translated


def bury(aws: AwsAdapters, queue: SqsJobQueue, bodies: list[str]) -> None:
    for body in bodies:
        queue.send(body)
    queue.receive(limit=len(bodies), visibility_seconds=1)
    aws.pass_time(2)
    assert list(queue.receive()) == []


def test_dead_letters_can_be_looked_at_by_many_and_moved_afterwards(
    aws: AwsAdapters, queue: SqsJobQueue
) -> None:
    bodies = [f"{number:02}" for number in range(13)]
    bury(aws, queue, bodies)
    assert [letter.body for letter in queue.dead_letters()] == bodies
    assert len(queue.dead_letters(limit=3)) == 3
    assert queue.redrive() == 13
    assert {message.body for message in queue.receive(limit=20)} == set(bodies)


def groups(aws: AwsAdapters, queue: SqsJobQueue) -> dict[str, str | None]:
    """Bodies to groups, read past the port."""
    found = aws.clients.sqs.receive_message(
        QueueUrl=queue._url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["MessageGroupId"]
    )
    return {
        message["Body"]: message.get("Attributes", {}).get("MessageGroupId")
        for message in found.get("Messages", [])
    }


def test_a_message_carries_its_group_to_the_queue(aws: AwsAdapters, queue: SqsJobQueue) -> None:
    queue.send("a", group="acme")
    queue.send("b", group="globex_2")
    queue.send("c")
    assert groups(aws, queue) == {"a": "acme", "b": "globex_2", "c": None}


def test_a_dead_letter_that_is_sent_anew_keeps_its_group(
    aws: AwsAdapters, queue: SqsJobQueue
) -> None:
    queue.send("a", group="acme")
    queue.send("b")
    queue.receive(visibility_seconds=1)
    aws.pass_time(2)
    assert list(queue.receive()) == []
    assert queue.depth().dead == 2
    assert queue.redrive() == 2
    assert groups(aws, queue) == {"a": "acme", "b": None}


def test_a_dead_letter_that_could_not_be_sent_anew_stays(
    aws: AwsAdapters, queue: SqsJobQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    bury(aws, queue, ["a", "b"])
    send = aws.clients.sqs.send_message_batch

    def half(**asked: object) -> object:
        entries = asked["Entries"]
        assert isinstance(entries, list)
        answer = send(**{**asked, "Entries": entries[:1]})  # type: ignore[arg-type]
        return {**answer, "Failed": [{"Id": "1", "Code": "InternalError", "SenderFault": False}]}

    monkeypatch.setattr(aws.clients.sqs, "send_message_batch", half)
    assert queue.redrive() == 1
    monkeypatch.undo()
    depth = queue.depth()
    assert (depth.waiting, depth.dead) == (1, 1)


def test_a_batch_of_large_messages_is_sent_in_requests_that_sqs_takes(
    aws: AwsAdapters, queue: SqsJobQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []

    def batch(**asked: object) -> object:
        entries = asked["Entries"]
        assert isinstance(entries, list)
        sizes.append(sum(len(entry["MessageBody"]) for entry in entries))
        return {"Successful": [{"Id": entry["Id"]} for entry in entries]}

    monkeypatch.setattr(aws.clients.sqs, "send_message_batch", batch)
    messages = [{"Body": "x" * 400_000} for _ in range(5)]
    assert send_batch(aws.clients.sqs, "http://queue.test", messages) == messages  # type: ignore[arg-type]
    assert sizes == [800_000, 800_000, 400_000]
