"""A standard SQS queue and its dead-letter queue.

How often a message may be received is the queue's redrive policy, not this adapter's to say.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from shared.adapters.aws.clients import AwsClients, error_code, translated
from shared.adapters.aws.sqs_batches import delete_batch, give_back, send_batch
from shared.adapters.aws.sqs_limits import checked_body, checked_delay, checked_visibility
from shared.domain.errors import Unavailable
from shared.ports.job_queue import QueueDepth, Received

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.type_defs import MessageTypeDef

#: Of one request.
_BATCH = 10
#: Dead letters that are looked at to find the oldest: SQS hands them out in no promised order.
_LOOKED_AT = 100
#: Dead letters are out of sight for so long while they are looked at or moved, should this die.
_HOLD_SECONDS = 60
#: A receive that waits asks all of SQS's servers, so that "none" means none.
_WAIT_SECONDS = 1
#: Seconds after which `redrive` ends, the rest being left to the next call.
_REDRIVE_SECONDS = 20.0

#: What SQS says of a receipt that is not the newest, or not one of this queue.
_STALE = frozenset(
    {
        "AWS.SimpleQueueService.MessageNotInflight",
        "InvalidParameterValue",
        "MessageNotInflight",
        "ReceiptHandleIsInvalid",
    }
)


class SqsJobQueue:
    """`JobQueue` on SQS, a fair queue where messages name their group.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html
    """

    def __init__(self, clients: AwsClients, *, queue_url: str, dead_letter_url: str) -> None:
        self._clients = clients
        self._url = queue_url
        self._dead_url = dead_letter_url

    def send(self, body: str, *, delay_seconds: float = 0.0, group: str | None = None) -> str:
        """Enqueue; the delay is rounded up to whole seconds."""
        message = checked_body(body)
        delay = checked_delay(delay_seconds)
        grouped: Any = {} if group is None else {"MessageGroupId": group}
        with translated("the queue"):
            answer = self._sqs.send_message(
                QueueUrl=self._url, MessageBody=message, DelaySeconds=delay, **grouped
            )
        return answer["MessageId"]

    def receive(self, *, limit: int = 10, visibility_seconds: float = 30.0) -> Sequence[Received]:
        """Take visible messages, ten a request, without waiting for any.

        Such a receive asks some of SQS's servers, so that of a few messages none may come.
        """
        hidden = checked_visibility(visibility_seconds)
        taken: list[Received] = []
        while len(taken) < limit:
            try:
                messages = self._receive(self._url, min(_BATCH, limit - len(taken)), hidden)
            except Unavailable:
                if taken:  # these are in hand; the next call says what became of the rest
                    break
                raise
            if not messages:
                break
            taken += [_received(message) for message in messages]
        return tuple(taken)

    def delete(self, receipt: str) -> None:
        """Done with it; SQS itself ignores a receipt that was followed by another one."""
        with translated("the queue"), _stale_ignored():
            self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=receipt)

    def extend(self, receipt: str, *, visibility_seconds: float) -> None:
        """Hide it for so long from now, in whole seconds."""
        hidden = checked_visibility(visibility_seconds)
        with translated("the queue"), _stale_ignored():
            self._sqs.change_message_visibility(
                QueueUrl=self._url, ReceiptHandle=receipt, VisibilityTimeout=hidden
            )

    def depth(self) -> QueueDepth:
        """SQS's approximate counts, right within a minute; the oldest one's age is not known here.

        (It is CloudWatch's metric ApproximateAgeOfOldestMessage, on the dashboard.)
        """
        visible, delayed, in_flight = self._counts(self._url)
        return QueueDepth(
            waiting=visible + delayed,
            in_flight=in_flight,
            dead=sum(self._counts(self._dead_url)),
            delayed=delayed,
            oldest_seconds=None,
        )

    def dead_letters(self, *, limit: int = 50) -> Sequence[Received]:
        """Dead letters, oldest first among the first hundred that SQS hands out (or `limit`).

        Each is received and given back at once; while that lasts, another caller may see fewer.
        """
        found: dict[str, MessageTypeDef] = {}
        try:
            while len(found) < max(limit, _LOOKED_AT):
                messages = self._receive_dead()
                found |= {message["MessageId"]: message for message in messages}
                if not messages:
                    break
        finally:
            with translated("the dead-letter queue"):
                give_back(self._sqs, self._dead_url, list(found.values()))
        oldest = sorted(found.values(), key=lambda message: message["Attributes"]["SentTimestamp"])
        return tuple(
            Received(id=message["MessageId"], receipt="", body=message["Body"], receive_count=0)
            for message in oldest[:limit]
        )

    def redrive(self) -> int:
        """Send every dead letter anew, then delete it; returns how many were sent.

        Not StartMessageMoveTask: that moves later, says about how many, and can't be waited for in
        a request. A process that dies in between leaves one message twice, which is allowed.
        """
        moved, started = 0, time.monotonic()
        while time.monotonic() - started < _REDRIVE_SECONDS:
            messages = self._receive_dead()
            if not messages:
                break
            with translated("the queue"):
                sent = send_batch(self._sqs, self._url, messages)
                moved += len(sent)
                delete_batch(self._sqs, self._dead_url, sent)
            if len(sent) < len(messages):
                break  # the others are visible again after a while
        return moved

    def _receive(
        self, url: str, limit: int, hidden: int, *, wait: int = 0
    ) -> Sequence[MessageTypeDef]:
        with translated("the queue"):
            answer = self._sqs.receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=limit,
                VisibilityTimeout=hidden,
                WaitTimeSeconds=wait,
                MessageSystemAttributeNames=[
                    "ApproximateReceiveCount",
                    "MessageGroupId",
                    "SentTimestamp",
                ],
            )
        return answer.get("Messages", [])

    def _receive_dead(self) -> Sequence[MessageTypeDef]:
        return self._receive(self._dead_url, _BATCH, _HOLD_SECONDS, wait=_WAIT_SECONDS)

    def _counts(self, url: str) -> tuple[int, int, int]:
        """How many could be taken, how many are delayed, and how many are in hand."""
        with translated("the queue"):
            counts = self._sqs.get_queue_attributes(
                QueueUrl=url,
                AttributeNames=[
                    "ApproximateNumberOfMessages",
                    "ApproximateNumberOfMessagesDelayed",
                    "ApproximateNumberOfMessagesNotVisible",
                ],
            )["Attributes"]
        return (
            int(counts["ApproximateNumberOfMessages"]),
            int(counts["ApproximateNumberOfMessagesDelayed"]),
            int(counts["ApproximateNumberOfMessagesNotVisible"]),
        )

    @property
    def _sqs(self) -> SQSClient:
        return self._clients.sqs


def _received(message: MessageTypeDef) -> Received:
    return Received(
        id=message["MessageId"],
        receipt=message["ReceiptHandle"],
        body=message["Body"],
        receive_count=int(message["Attributes"]["ApproximateReceiveCount"]),
    )


@contextmanager
def _stale_ignored() -> Iterator[None]:
    from botocore.exceptions import ClientError

    try:
        yield
    except ClientError as exc:
        if error_code(exc) not in _STALE:
            raise
