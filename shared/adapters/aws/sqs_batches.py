"""Ten messages a request: SQS answers for each of them, and 200 when it took none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from shared.adapters.aws.sqs_limits import MOST_BODY_BYTES

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.type_defs import MessageTypeDef, SendMessageBatchRequestEntryTypeDef

_BATCH = 10


def send_batch(
    sqs: SQSClient, url: str, messages: Sequence[MessageTypeDef]
) -> list[MessageTypeDef]:
    """Send the bodies as new messages of the same groups; returns those that were taken for sure.

    All bodies of one request together may be as large as one message.
    """
    taken: list[MessageTypeDef] = []
    for group in _by_size(messages):
        answer = sqs.send_message_batch(
            QueueUrl=url,
            Entries=[_entry(str(number), message) for number, message in enumerate(group)],
        )
        taken += [group[int(entry["Id"])] for entry in answer.get("Successful", [])]
    return taken


def delete_batch(sqs: SQSClient, url: str, messages: Sequence[MessageTypeDef]) -> None:
    """Delete what was received; one that is kept comes again."""
    for start in range(0, len(messages), _BATCH):
        sqs.delete_message_batch(
            QueueUrl=url,
            Entries=[
                {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
                for number, message in enumerate(messages[start : start + _BATCH])
            ],
        )


def give_back(sqs: SQSClient, url: str, messages: Sequence[MessageTypeDef]) -> None:
    """Make what was received visible again; one that is not comes back after its timeout."""
    for start in range(0, len(messages), _BATCH):
        sqs.change_message_visibility_batch(
            QueueUrl=url,
            Entries=[
                {
                    "Id": str(number),
                    "ReceiptHandle": message["ReceiptHandle"],
                    "VisibilityTimeout": 0,
                }
                for number, message in enumerate(messages[start : start + _BATCH])
            ],
        )


def _entry(name: str, message: MessageTypeDef) -> SendMessageBatchRequestEntryTypeDef:
    group = message.get("Attributes", {}).get("MessageGroupId")
    if group is None:
        return {"Id": name, "MessageBody": message["Body"]}
    return {"Id": name, "MessageBody": message["Body"], "MessageGroupId": group}


def _by_size(messages: Sequence[MessageTypeDef]) -> Iterator[list[MessageTypeDef]]:
    group: list[MessageTypeDef] = []
    size = 0
    for message in messages:
        length = len(message["Body"].encode())
        if group and (size + length > MOST_BODY_BYTES or len(group) == _BATCH):
            yield group
            group, size = [], 0
        group.append(message)
        size += length
    if group:
        yield group
