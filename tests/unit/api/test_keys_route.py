from __future__ import annotations

import httpx
import pytest

from shared.domain.api_keys import Scope
from tests.support.api import Api, problem

KEYS = "/api/v1/keys"


@pytest.fixture
def admin(api: Api) -> httpx.Client:
    return api.client(Scope.ADMIN)


@pytest.fixture
def operator(api: Api) -> httpx.Client:
    return api.client(Scope.ADMIN, tenant="operator")


def test_a_new_key_works_and_its_secret_is_shown_once(api: Api, admin: httpx.Client) -> None:
    answer = admin.post(KEYS, json={"name": "מעלה", "scopes": ["jobs:read"], "expires_in": 60})
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (made["tenant"], made["scopes"], made["name"]) == ("acme", ["jobs:read"], "מעלה")
    assert made["expires_at"] == "2027-01-15T08:01:00.000Z"
    holder = api.anonymous()
    holder.headers["X-API-Key"] = made["token"]
    assert holder.get("/api/v1/jobs").status_code == 200
    problem(holder.post("/api/v1/transcribe", json={}), 403)
    listed = admin.get(KEYS)
    assert made["token"].split("_")[2] not in listed.text
    assert "hash" not in listed.text
    assert made["id"] in [key["id"] for key in listed.json()["keys"]]


def test_defaults_are_the_everyday_scopes(admin: httpx.Client) -> None:
    assert admin.post(KEYS, json={}).json()["scopes"] == ["jobs:read", "jobs:write", "webhooks"]


def test_a_revoked_key_stops_working(api: Api, admin: httpx.Client) -> None:
    made = admin.post(KEYS, json={}).json()
    holder = api.anonymous()
    holder.headers["X-API-Key"] = made["token"]
    assert holder.get("/api/v1/jobs").status_code == 200
    revoked = admin.delete(f"{KEYS}/{made['id']}").json()
    assert revoked["revoked_at"] == "2027-01-15T08:00:00.000Z"
    problem(holder.get("/api/v1/jobs"), 401)
    assert admin.delete(f"{KEYS}/{made['id']}").json() == revoked


def test_an_admin_sees_and_touches_its_own_tenants_keys_only(api: Api, admin: httpx.Client) -> None:
    foreign = api.token(tenant="rival").split("_")[1]
    problem(admin.post(KEYS, json={"tenant": "rival"}), 403, "forbidden")
    problem(admin.get(KEYS, params={"tenant": "rival"}), 403, "forbidden")
    problem(admin.delete(f"{KEYS}/{foreign}"), 404, "key_not_found")
    problem(admin.post(KEYS, json={"tenant": "operator"}), 403, "forbidden")
    assert {key["tenant"] for key in admin.get(KEYS).json()["keys"]} == {"acme"}


def test_the_operator_manages_everybodys_keys(operator: httpx.Client) -> None:
    made = operator.post(KEYS, json={"tenant": "newcomer"}).json()
    assert made["tenant"] == "newcomer"
    listed = operator.get(KEYS, params={"tenant": "newcomer"}).json()["keys"]
    assert [key["id"] for key in listed] == [made["id"]]
    assert operator.delete(f"{KEYS}/{made['id']}").json()["revoked_at"] is not None


def test_the_operators_other_scopes_give_no_power_over_others(api: Api) -> None:
    problem(api.client(tenant="operator").post(KEYS, json={"tenant": "acme"}), 403)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"scopes": []}, "scopes"),
        ({"scopes": ["everything"]}, "scopes.0"),
        ({"tenant": "../x"}, "tenant"),
        ({"name": "x" * 101}, "name"),
        ({"expires_in": 0}, "expires_in"),
        ({"expires_in": 1e300}, "expires_in"),
        ({"secret": "x"}, "secret"),
    ],
)
def test_bad_input_is_refused(admin: httpx.Client, body: dict[str, object], field: str) -> None:
    assert problem(admin.post(KEYS, json=body), 422)["field"] == field
