from __future__ import annotations

import httpx
import pytest

from shared.domain.deliveries import DeliveryStatus
from shared.domain.job import WebhookTarget
from tests.support.api import Api, problem
from tests.support.world import HOOK

BASE = "/api/v1/webhooks"


def test_the_log_tells_what_became_of_an_event(api: Api, acme: httpx.Client) -> None:
    job = api.world.completed(webhook=HOOK)
    (delivery,) = api.world.record_events()
    api.world.deliver(delivery, lambda _: httpx.Response(500))
    page = acme.get(f"{BASE}/deliveries", params={"job_id": job.id}).json()
    (found,) = page["deliveries"]
    assert (found["id"], found["job_id"]) == (delivery.id, job.id)
    assert found["event_type"] == "transcription.completed"
    assert found["status"] == "pending"
    assert found["attempts"][0]["status_code"] == 500
    assert acme.get(f"{BASE}/deliveries/{delivery.id}").json() == found
    assert page["cursor"] is None


def test_deliveries_are_filtered_and_paged(api: Api, acme: httpx.Client) -> None:
    for number in range(3):
        api.world.clock.advance(1)
        acme.post(f"{BASE}/test", json={"url": f"https://hooks.example.com/{number}"})
    first = acme.get(f"{BASE}/deliveries", params={"limit": "2"}).json()
    urls = [one["url"][-1] for one in first["deliveries"]]
    rest = acme.get(f"{BASE}/deliveries", params={"cursor": first["cursor"]}).json()
    assert urls + [one["url"][-1] for one in rest["deliveries"]] == ["2", "1", "0"]
    params = {"status": "delivered"}
    assert acme.get(f"{BASE}/deliveries", params=params).json()["deliveries"] == []
    problem(acme.get(f"{BASE}/deliveries", params={"state": "x"}), 422)
    problem(acme.get(f"{BASE}/deliveries", params={"cursor": "x"}), 422, "invalid_cursor")


def test_a_delivery_is_sent_again_on_request(api: Api, acme: httpx.Client) -> None:
    api.world.completed(webhook=HOOK)
    (delivery,) = api.world.record_events()
    sent = api.world.deliver(delivery, lambda _: httpx.Response(200))
    assert sent is not None
    assert sent.status is DeliveryStatus.DELIVERED
    answer = acme.post(f"{BASE}/deliveries/{delivery.id}/redeliver")
    assert (answer.status_code, answer.json()["status"]) == (202, "pending")
    again = api.world.deliver(delivery, lambda _: httpx.Response(200))
    assert again is not None
    assert len(again.attempts) == 2


def test_another_tenants_delivery_is_not_there(api: Api, acme: httpx.Client) -> None:
    api.world.completed(webhook=WebhookTarget(url="https://hooks.example.com/"))
    (delivery,) = api.world.record_events()
    other = api.client(tenant="rival")
    path = f"{BASE}/deliveries/{delivery.id}"
    problem(other.get(path), 404, "delivery_not_found")
    problem(other.post(f"{path}/redeliver"), 404, "delivery_not_found")
    assert other.get(f"{BASE}/deliveries").json()["deliveries"] == []
    assert acme.get(path).status_code == 200


def test_a_test_event_is_scheduled(api: Api, acme: httpx.Client) -> None:
    answer = acme.post(f"{BASE}/test", json={"url": "https://hooks.example.com/", "mode": "legacy"})
    assert answer.status_code == 202, answer.text
    body = answer.json()
    assert (body["event_type"], body["mode"], body["job_id"]) == ("webhook.test", "legacy", None)
    stored = api.world.platform.deliveries.get(body["id"])
    assert stored.tenant == "acme"


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/", "http://[::1]/", "http://169.254.169.254/", "nonsense", ""]
)
def test_a_test_event_never_goes_to_a_private_address(asking: httpx.Client, url: str) -> None:
    document = problem(asking.post(f"{BASE}/test", json={"url": url}), 422, "url_refused")
    assert document["field"] == "url"


def test_the_secret_stays_until_it_is_rotated(api: Api, acme: httpx.Client) -> None:
    first = acme.get(f"{BASE}/secret").json()
    assert first["secret"].startswith("whsec_")
    assert first["previous"] == []
    assert acme.get(f"{BASE}/secret").json() == first
    rotated = acme.post(f"{BASE}/secret/rotate").json()
    assert rotated["secret"] != first["secret"]
    assert rotated["previous"] == [first["secret"]]
    assert acme.get(f"{BASE}/secret").json() == rotated
    other = api.client(tenant="rival").get(f"{BASE}/secret").json()
    assert other["secret"] not in (first["secret"], rotated["secret"])
