from __future__ import annotations

import pytest

from shared.domain import api_keys, deliveries, messages
from shared.domain.api_keys import ApiKey, Scope
from shared.domain.deliveries import Delivery, DeliveryAttempt, DeliveryStatus
from shared.domain.errors import InvalidRequest
from shared.domain.events import EventType
from shared.domain.messages import JobEvent, JobQueued
from shared.domain.options import LANGUAGES, normalize_language
from tests.support.jobs import NOW


def make_delivery() -> Delivery:
    return Delivery(
        id="job_1.completed", tenant="acme", job_id="job_1", occurred_at=NOW, created_at=NOW,
        event_type=EventType.TRANSCRIPTION_COMPLETED, url="https://example.com/h",
        next_attempt_at=NOW,
    )  # fmt: skip


def tried(at: float, status_code: int = 500) -> DeliveryAttempt:
    return DeliveryAttempt(at=at, duration_seconds=1.0, status_code=status_code)


def test_a_success_is_never_sent_again() -> None:
    done = deliveries.record_success(make_delivery(), tried(NOW, 200))
    assert (done.status, done.wake_at) == (DeliveryStatus.DELIVERED, None)


def test_failures_follow_the_schedule_and_end() -> None:
    delivery, now, waits = make_delivery(), NOW, []
    schedule = (0.0, 5.0, 300.0)
    for _ in schedule:
        delivery = deliveries.record_failure(delivery, tried(now), schedule=schedule)
        if delivery.next_attempt_at is not None:
            waits.append(delivery.next_attempt_at - now - 1.0)
            now = delivery.next_attempt_at
    assert (waits, delivery.status, len(delivery.attempts)) == (
        [5.0, 300.0], DeliveryStatus.FAILED, 3,
    )  # fmt: skip


def test_a_receiver_may_ask_for_a_longer_wait_but_not_for_a_shorter_one() -> None:
    longer = deliveries.record_failure(
        make_delivery(), tried(NOW), schedule=(0.0, 5.0), retry_after=60.0
    )
    shorter = deliveries.record_failure(
        make_delivery(), tried(NOW), schedule=(0.0, 5.0), retry_after=1.0
    )
    assert (longer.next_attempt_at, shorter.next_attempt_at) == (NOW + 61, NOW + 6)


def test_a_locked_delivery_wakes_when_the_lock_ends() -> None:
    assert deliveries.lock(make_delivery(), until=NOW + 30).wake_at == NOW + 30


def test_gone_means_nothing_more_is_sent_until_a_person_asks() -> None:
    gone = deliveries.record_gone(make_delivery(), tried(NOW, 410))
    assert (gone.status, gone.wake_at) == (DeliveryStatus.SWITCHED_OFF, None)
    again = deliveries.redeliver(gone, now=NOW + 5)
    assert (again.status, again.wake_at, again.scheduled) == (
        DeliveryStatus.PENDING, NOW + 5, 0,
    )  # fmt: skip
    assert len(again.attempts) == 1


def test_a_token_is_parsed_back_and_only_its_hash_matches() -> None:
    key_id, token, secret_hash = api_keys.generate_token()
    parsed = api_keys.parse_token(token)
    assert parsed is not None
    assert parsed[0] == key_id
    key = ApiKey(
        id=key_id, tenant="acme", scopes=frozenset({Scope.JOBS_READ}), secret_hash=secret_hash,
        created_at=NOW,
    )  # fmt: skip
    assert api_keys.matches(key, parsed[1])
    assert not api_keys.matches(key, parsed[1][::-1])
    assert parsed[1] not in repr(key)


@pytest.mark.parametrize("token", ["", "tml_", "tml_short_x", "sk-" + "a" * 60, "tml_" + "a" * 56])
def test_what_is_not_a_key_is_not_looked_up(token: str) -> None:
    assert api_keys.parse_token(token) is None


def test_admin_includes_every_scope_and_others_only_themselves() -> None:
    def key(scope: Scope) -> ApiKey:
        return ApiKey(
            id="k", tenant="t", scopes=frozenset({scope}), secret_hash="h", created_at=NOW
        )

    assert all(key(Scope.ADMIN).allows(scope) for scope in Scope)
    assert not key(Scope.JOBS_READ).allows(Scope.JOBS_WRITE)


@pytest.mark.parametrize("tenant", ["", "A", "a/b", "..", "a" * 64, "-a", "ä"])
def test_a_tenants_name_can_not_leave_its_folder(tenant: str) -> None:
    with pytest.raises(InvalidRequest, match="1 to 63"):
        api_keys.check_tenant(tenant)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (None, None), ("auto", None), ("", None), ("iw", "he"), ("HE", "he"), ("en-US", "en"),
        ("pt_BR", "pt"), ("yue", "yue"),
    ],
)  # fmt: skip
def test_language_codes_of_yesterday_are_understood(given: str | None, meant: str | None) -> None:
    assert normalize_language(given) == meant


def test_an_unknown_language_is_named_in_the_refusal() -> None:
    with pytest.raises(InvalidRequest, match="'xx' is not supported") as caught:
        normalize_language("xx")
    assert (caught.value.code, caught.value.field) == ("unsupported_language", "language")
    assert len(LANGUAGES) >= 99


def test_messages_survive_the_wire() -> None:
    queued = JobQueued(job_id="job_1")
    event = JobEvent(
        event_id="e", type=EventType.TRANSCRIPTION_FAILED, job_id="j", tenant="t", occurred_at=NOW
    )
    assert messages.decode(JobQueued, messages.encode(queued)) == queued
    assert messages.decode(JobEvent, messages.encode(event)) == event


@pytest.mark.parametrize(
    "body", ["", "{", "[]", '"x"', "{}", '{"version":2,"job_id":"x"}', '{"version":1}']
)
def test_a_message_of_another_kind_or_version_is_refused(body: str) -> None:
    with pytest.raises(InvalidRequest):
        messages.decode(JobQueued, body)


def test_the_log_of_a_delivery_keeps_its_newest_attempts() -> None:
    delivery = make_delivery()
    for number in range(deliveries.MOST_ATTEMPTS_KEPT + 5):
        delivery = deliveries.record_success(
            deliveries.redeliver(delivery, now=NOW), tried(NOW + number, 200)
        )
    assert len(delivery.attempts) == deliveries.MOST_ATTEMPTS_KEPT
    assert (delivery.attempts[0].at, delivery.attempts[-1].at) == (NOW + 5, NOW + 104)
