"""What triggers the functions on AWS, from its envelope to the message inside.

- EventBridge wraps events of the bucket, of Batch, of the schedule and of jobs in one envelope
- SQS hands over a batch of records; the webhook queue's bodies are events of jobs in EventBridge's
  envelope, or messages of ours

Whatever is not as AWS documents it is `InvalidRequest` (code ``invalid_message``): trying again
would not help, so that such a message ends in a dead-letter queue.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.domain.errors import InvalidRequest
from shared.domain.messages import DeliveryDue, JobEvent, decode

#: The source of our own events on the bus.
JOB_EVENTS = "tamlil"
#: Batch tells of an attempt that ended (a lost host) also while the job goes on with the next one.
_ENDED = frozenset({"SUCCEEDED", "FAILED"})
_RUNNING = "RUNNING"
#: The source of what EventBridge Scheduler sends for a schedule that names no input of its own.
_SCHEDULER = "aws.scheduler"


@dataclass(frozen=True, kw_only=True, slots=True)
class ObjectCreated:
    """An object has come into the bucket, by whatever kind of write.

    `version` is the one that came, as the blob store names it; None where the event names none.
    """

    key: str
    version: str | None
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchJobChanged:
    """A container job of Batch has come to another status. Times are Unix seconds.

    `ended` holds the executions that are over, as workers name them: ``<job id>#<attempt>``.
    """

    job_id: str
    status: str
    created_at: float | None
    started_at: float | None
    ended: tuple[str, ...]

    @property
    def running(self) -> bool:
        """Whether its container has just begun."""
        return self.status == _RUNNING

    @property
    def failed(self) -> bool:
        """Whether it is over and did not end well."""
        return self.status == "FAILED"


@dataclass(frozen=True, kw_only=True, slots=True)
class Tick:
    """The schedule's turn."""

    time: str


def read_event(event: object) -> ObjectCreated | BatchJobChanged | JobEvent | Tick:
    """What EventBridge's envelope holds.

    Raises:
        InvalidRequest: not an envelope, or one of an event that is not for us.
    """
    envelope = _mapping(event, "event")
    source, kind = envelope.get("source"), envelope.get("detail-type")
    if source == "aws.s3" and kind == "Object Created":
        return _object_created(_mapping(envelope.get("detail"), "detail"))
    if source == "aws.batch" and kind == "Batch Job State Change":
        return _batch_changed(_mapping(envelope.get("detail"), "detail"))
    if source == _SCHEDULER:
        return Tick(time=str(envelope.get("time", "")))
    if source == JOB_EVENTS:
        return decode(JobEvent, json.dumps(_mapping(envelope.get("detail"), "detail")))
    raise _invalid(f"an event of {str(source)[:64]!r} is not for this function")


def read_webhook_message(body: str) -> JobEvent | DeliveryDue:
    """What the webhook queue holds: an event of a job, or a delivery that is due.

    Raises:
        InvalidRequest: neither.
    """
    try:
        document = _mapping(json.loads(body), "body")
    except ValueError as exc:
        raise _invalid("not JSON") from exc
    if "delivery_id" in document:
        return decode(DeliveryDue, body)
    found = read_event(document)
    if not isinstance(found, JobEvent):
        raise _invalid("an event that is none of a job's")
    return found


def _object_created(detail: Mapping[str, Any]) -> ObjectCreated:
    from shared.adapters.aws.s3_versions import version_of

    found = _mapping(detail.get("object"), "detail.object")
    names = {"VersionId": found.get("version-id"), "ETag": found.get("etag")}
    return ObjectCreated(
        key=_text(found, "key"),
        version=version_of(names) if any(names.values()) else None,
        reason=str(detail.get("reason", "")),
    )


def _batch_changed(detail: Mapping[str, Any]) -> BatchJobChanged:
    job_id, status = _text(detail, "jobId"), _text(detail, "status")
    attempts = detail.get("attempts") or []
    if not isinstance(attempts, Sequence) or isinstance(attempts, str):
        raise _invalid("detail.attempts is no list")
    over = [
        f"{job_id}#{number}"
        for number, attempt in enumerate(attempts, start=1)
        if status in _ENDED or (isinstance(attempt, Mapping) and attempt.get("stoppedAt"))
    ]
    return BatchJobChanged(
        job_id=job_id,
        status=status,
        created_at=_seconds(detail.get("createdAt")),
        started_at=_seconds(detail.get("startedAt")),
        ended=tuple(over),
    )


def _seconds(milliseconds: object) -> float | None:
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int | float):
        return None
    return milliseconds / 1000 or None


def _mapping(value: object, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _invalid(f"{what} is no object")
    return value


def _text(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str) or not value:
        raise _invalid(f"{name} is missing")
    return value


def _invalid(reason: str) -> InvalidRequest:
    return InvalidRequest(f"not an event as AWS documents it: {reason}", code="invalid_message")
