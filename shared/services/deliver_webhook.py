"""One attempt to deliver one webhook: lock, send, record.

A deliverer that dies between sending and recording leaves the lock; when it has run out the
event is sent again, under the same ``webhook-id``. A recorded success is never sent again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

import httpx

from shared.domain import deliveries
from shared.domain.deliveries import Delivery, DeliveryAttempt, DeliveryStatus
from shared.domain.errors import (
    NotFound,
    Stopped,
    TamlilError,
    Unavailable,
    UrlRefused,
    VersionConflict,
)
from shared.domain.job import Job
from shared.ports.platform import Platform
from shared.services.build_payload import build_payload
from shared.services.count_jobs import count_delivery
from shared.services.manage_webhooks import signing_secrets
from shared.services.webhook_headers import DeploymentHeader, header_secret
from shared.webhooks.signing import signed_headers

_log = logging.getLogger(__name__)

#: How much longer than the request's own timeout the lock holds.
_LOCK_MARGIN_SECONDS = 15.0
_MOST_CONFLICTS = 20
_LONGEST_RETRY_AFTER = 86_400.0
_GONE = 410


@dataclass(frozen=True, kw_only=True, slots=True)
class _Outcome:
    attempt: DeliveryAttempt
    ok: bool = False
    gone: bool = False
    retry_after: float | None = None


def deliver_webhook(
    platform: Platform, delivery_id: str, *, client: httpx.Client
) -> Delivery | None:
    """Make one attempt if it is due; None when there was nothing to do.

    `client` refuses private addresses at connect time and follows no redirect.

    Raises:
        Unavailable: the store did not answer; the lock makes the attempt come again.
    """
    locked = _lock(platform, delivery_id)
    if locked is None:
        return None
    job: Job | None = None
    if locked.job_id is not None:
        try:
            job = platform.jobs.get(locked.job_id)
        except NotFound:
            # Purged while its event was on the way: nothing of it stays.
            platform.deliveries.delete_for_job(locked.job_id)
            return None
        except Unavailable as exc:
            if exc.retryable:
                raise
            outcome = _not_sent(platform.clock.now(), 0.0, exc.detail)
            return _record(platform, locked, lambda now: _apply(platform, locked, now, outcome))
    if platform.deliveries.is_switched_off(locked.tenant, locked.url):
        return _record(platform, locked, lambda current: deliveries.record_gone(current, None))
    outcome = _attempt(platform, locked, job, client)
    if outcome.gone:
        platform.deliveries.switch_off(locked.tenant, locked.url, now=platform.clock.now())
    recorded = _record(platform, locked, lambda now: _apply(platform, locked, now, outcome))
    count_delivery(platform, _label(recorded))
    return recorded


def _lock(platform: Platform, delivery_id: str) -> Delivery | None:
    now = platform.clock.now()
    try:
        delivery = platform.deliveries.get(delivery_id)
        if delivery.wake_at is None or delivery.wake_at > now:
            return None
        until = now + platform.webhooks.timeout_seconds + _LOCK_MARGIN_SECONDS
        return platform.deliveries.replace(deliveries.lock(delivery, until=until))
    except (NotFound, VersionConflict):
        return None  # purged, or another deliverer has it


def _attempt(
    platform: Platform, delivery: Delivery, job: Job | None, client: httpx.Client
) -> _Outcome:
    """Send it; what goes wrong on our side uses up the schedule as a receiver's fault does.

    An attempt that is not recorded comes again after its lock, without end: only for a store that
    is away or a server that stops.
    """
    started = platform.clock.now()
    try:
        body = build_payload(platform, delivery, job)
    except Unavailable as exc:
        return _not_sent(started, 0.0, exc.detail)
    try:
        return _send(platform, delivery, body, client)
    except TamlilError as exc:
        if exc.retryable or isinstance(exc, Stopped):
            raise
        error = exc.detail
    except Exception:  # noqa: BLE001 - told in full; an unrecorded attempt would loop
        error = "the attempt met an unexpected fault; the log has the details"
        _log.exception("webhook attempt failed", extra={"delivery_id": delivery.id})
    return _not_sent(started, platform.clock.now() - started, error)


def _not_sent(started: float, spent: float, error: str) -> _Outcome:
    attempt = DeliveryAttempt(at=started, duration_seconds=round(spent, 3), error=error)
    return _Outcome(attempt=attempt)


def _send(platform: Platform, delivery: Delivery, body: bytes, client: httpx.Client) -> _Outcome:
    started = platform.clock.now()
    headers = signed_headers(
        event_id=delivery.id,
        timestamp=int(started),
        body=body,
        secrets=signing_secrets(platform, delivery.tenant),
        legacy_secret=header_secret(platform, DeploymentHeader.LEGACY_SIGNATURE),
        vercel_bypass=header_secret(platform, DeploymentHeader.VERCEL_BYPASS),
    ) | {"content-type": "application/json", "user-agent": "Tamlil-Webhooks/1"}
    status: int | None = None
    error: str | None = None
    retry_after: float | None = None
    try:
        with client.stream("POST", delivery.url, content=body, headers=headers) as response:
            status = response.status_code
            retry_after = _retry_after(response, started)
    except UrlRefused as exc:
        error = exc.detail
    except httpx.TimeoutException:
        error = f"no answer within {platform.webhooks.timeout_seconds:g} seconds"
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as exc:
        # The client reads where a redirect leads, though it does not follow: UnicodeError.
        error = f"{type(exc).__name__}: the receiver could not be reached"
    if status is not None:
        # Once it has answered, a connection that breaks afterwards changes nothing.
        error = None if httpx.codes.is_success(status) else f"the receiver answered {status}"
    attempt = DeliveryAttempt(
        at=started,
        duration_seconds=round(platform.clock.now() - started, 3),
        status_code=status,
        error=error,
    )
    return _Outcome(
        attempt=attempt, ok=error is None, gone=status == _GONE, retry_after=retry_after
    )


def _retry_after(response: httpx.Response, now: float) -> float | None:
    """Seconds from a Retry-After header (RFC 9110: seconds or a date), at most a day."""
    value = response.headers.get("retry-after", "").strip()
    if not value:
        return None
    if value.isascii() and value.isdigit():
        return min(float(value[:9]), _LONGEST_RETRY_AFTER)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):  # the latter for a year of twenty digits
        return None
    # RFC 9110 dates are GMT, also where the zone says "-0000", which Python reads as no zone.
    wait = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now
    return min(max(wait, 0.0), _LONGEST_RETRY_AFTER)


def _apply(platform: Platform, locked: Delivery, current: Delivery, outcome: _Outcome) -> Delivery:
    """What the record becomes; `current` may have moved on if the attempt outlived its lock."""
    late = current.locked_until != locked.locked_until
    if late and (current.status is DeliveryStatus.DELIVERED or not (outcome.ok or outcome.gone)):
        return deliveries.record_late(current, outcome.attempt)
    if outcome.ok:
        return deliveries.record_success(current, outcome.attempt)
    if outcome.gone:
        return deliveries.record_gone(current, outcome.attempt)
    return deliveries.record_failure(
        current,
        outcome.attempt,
        schedule=platform.webhooks.schedule,
        retry_after=outcome.retry_after,
    )


def _record(
    platform: Platform, delivery: Delivery, change: Callable[[Delivery], Delivery]
) -> Delivery:
    """Write what happened, whatever somebody else (a redelivery) wrote meanwhile."""
    for _ in range(_MOST_CONFLICTS):
        after = change(delivery)
        try:
            return platform.deliveries.replace(after)
        except VersionConflict:
            try:
                delivery = platform.deliveries.get(delivery.id)
            except NotFound:
                return after  # purged while it was being sent
    raise Unavailable(f"delivery {delivery.id} is being changed by too many writers at once")


def _label(delivery: Delivery) -> str:
    return "retry" if delivery.status is DeliveryStatus.PENDING else str(delivery.status)
