"""From the news that an object was created in the bucket to its job.

Nobody waits for an answer, so a refusal is told as a failed job, once for each version of the
object. Each version that was dropped under a key is a job of its own, whatever came over it since.
News of one that is gone again, or of an object that is none of a caller's, comes to nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import unquote_plus

from functions.events import ObjectCreated, read_event
from functions.intake.handle import Arrival, Wishes, handle, inbox_tenant
from functions.observability.emit import MetricsLog
from functions.observability.metrics import OBJECTS
from shared.domain.api_keys import check_tenant
from shared.domain.errors import InvalidRequest, NotFound, TamlilError, Unavailable
from shared.domain.job import Job, WebhookTarget
from shared.ports.blob_store import BlobInfo
from shared.ports.platform import Platform
from shared.services.keys_of_blobs import parse_upload_key
from shared.services.refuse_object import refuse_object
from shared.services.submit_job import check_webhook_url

_log = logging.getLogger(__name__)


class Outcome(StrEnum):
    """What became of an object."""

    TAKEN = "taken"
    REFUSED = "refused"
    IGNORED = "ignored"


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """The outcome, and the job that tells it."""

    outcome: Outcome
    job: Job | None = None


def handle_event(platform: Platform, event: Mapping[str, Any], *, metrics: MetricsLog) -> None:
    """What the bucket has sent.

    Raises:
        InvalidRequest: something else; it belongs into the dead-letter queue.
        Unavailable: a store did not answer; the event should come again.
    """
    created = read_event(event)
    if not isinstance(created, ObjectCreated):
        raise InvalidRequest("not an event of the bucket", code="invalid_message")
    taken = take_object(platform, created)
    metrics.add(OBJECTS, dimensions={"outcome": taken.outcome.value})
    if taken.job is not None:
        extra = {"job_id": taken.job.id, "tenant": taken.job.tenant, "reason": created.reason}
        _log.info("object %s", taken.outcome, extra=extra)


def take_object(platform: Platform, created: ObjectCreated) -> Taken:
    """Start the object's job, or record why there is none.

    Raises:
        Unavailable: a store did not answer; the event should come again.
    """
    # The bucket's own notifications encode keys as forms do, events as they are: the object tells.
    for key in dict.fromkeys((created.key, unquote_plus(created.key))):
        if parse_upload_key(key) is not None:
            job = handle(platform, Arrival(key=key))
            return Taken(outcome=Outcome.IGNORED if job is None else Outcome.TAKEN, job=job)
        tenant = _tenant(key)
        if tenant is None:
            continue
        try:
            info = platform.blobs.stat(key, version=created.version)
        except (NotFound, InvalidRequest):  # the latter: no key that the store would ever hold
            continue
        return _take(platform, info, tenant)
    return Taken(outcome=Outcome.IGNORED)


def _tenant(key: str) -> str | None:
    tenant = inbox_tenant(key)
    if tenant is None or key.endswith("/"):  # what consoles show as an empty folder
        return None
    try:
        return check_tenant(tenant)
    except InvalidRequest as exc:
        _log.warning("an object in the inbox of nobody: %s", exc.detail, extra={"key": key})
        return None


def _take(platform: Platform, info: BlobInfo, tenant: str) -> Taken:
    filename = _filename(info.key)
    try:
        if info.size_bytes == 0:
            raise InvalidRequest("the audio is empty (0 bytes)", code="empty_file")
        wishes = _wishes(info)
        arrival = Arrival(key=info.key, info=info, filename=filename, owned=True, wishes=wishes)
        return Taken(outcome=Outcome.TAKEN, job=handle(platform, arrival))
    except NotFound:
        return Taken(outcome=Outcome.IGNORED)
    except Unavailable:
        raise
    except TamlilError as exc:
        _log.warning("refused an object: %s", exc.detail, extra={"key": info.key, "code": exc.code})
        return Taken(outcome=Outcome.REFUSED, job=_refuse(platform, info, exc, tenant, filename))


def _wishes(info: BlobInfo) -> Wishes:
    if not any(name.startswith("tamlil") for name in info.metadata):
        return Wishes()  # without loading the schemas
    from functions.intake.metadata import asks, wishes_of

    return wishes_of(info.metadata) if asks(info.metadata) else Wishes()


def _refuse(
    platform: Platform, info: BlobInfo, error: TamlilError, tenant: str, filename: str
) -> Job:
    from functions.intake.metadata import contact_of

    contact = contact_of(info.metadata)
    return refuse_object(
        platform,
        info,
        error,
        tenant=tenant,
        filename=filename,
        webhook=_callable(platform, contact.webhook),
        recording_id=contact.recording_id,
    )


def _callable(platform: Platform, webhook: WebhookTarget | None) -> WebhookTarget | None:
    """The webhook, unless its URL is one that must not be called."""
    try:
        check_webhook_url(platform, webhook)
    except TamlilError:
        return None
    return webhook


def _filename(key: str) -> str:
    """The name that it was dropped under, as text that every answer and log can hold."""
    name = key.rsplit("/", 1)[-1]
    return "".join(char if char.isprintable() else "_" for char in name)
