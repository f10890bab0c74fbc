from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from functions.api.errors import status_of
from shared.domain.errors import (
    Conflict,
    Forbidden,
    IdempotencyKeyReused,
    InvalidRequest,
    JobFailure,
    LimitExceeded,
    ModelUnavailable,
    NotFound,
    RateLimited,
    StaleAttempt,
    TamlilError,
    Unauthorized,
    Unavailable,
    UnsupportedOption,
    UrlRefused,
    VersionConflict,
)
from tests.support.api import Api, open_api, problem

ORIGIN = "https://app.example.com"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InvalidRequest("x"), 422),
        (UnsupportedOption("x"), 422),
        (LimitExceeded("x"), 422),
        (LimitExceeded("x", code="payload_too_large"), 413),
        (InvalidRequest("x", code="invalid_json"), 400),
        (UrlRefused("x"), 422),
        (Unauthorized("x"), 401),
        (Forbidden("x"), 403),
        (NotFound("x"), 404),
        (Conflict("x"), 409),
        (VersionConflict("x"), 409),
        (StaleAttempt("x"), 409),
        (IdempotencyKeyReused("x"), 409),
        (RateLimited("x", retry_after=1), 429),
        (Unavailable("x"), 503),
        (ModelUnavailable("x"), 503),
        (JobFailure("x"), 500),
        (TamlilError("x"), 500),
    ],
)
def test_each_error_has_its_status(error: TamlilError, status: int) -> None:
    assert status_of(error) == status


def test_an_unknown_path_is_a_404_problem(acme: httpx.Client) -> None:
    problem(acme.get("/api/v2/nothing"), 404, "not_found")
    problem(acme.get("/api/v1/jobs/"), 404, "not_found")


def test_a_wrong_method_is_a_405_problem_with_all_right_ones(acme: httpx.Client) -> None:
    answer = acme.put("/api/v1/keys")
    problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, HEAD, POST"
    assert acme.options("/api/v1/jobs").status_code == 405


@pytest.mark.parametrize("path", ["/health", "/api/v1/jobs", "/api/v1/models", "/api/v1/keys/x"])
def test_head_is_get_without_the_body(asking: httpx.Client, path: str) -> None:
    got, head = asking.get(path), asking.head(path)
    assert head.status_code == got.status_code
    assert head.content == b""
    assert head.headers["content-type"] == got.headers["content-type"]


def test_every_answer_has_the_common_headers(acme: httpx.Client) -> None:
    for path in ("/health", "/api/v1/jobs", "/nothing", "/openapi.json", "/docs"):
        answer = acme.get(path)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-request-id"].startswith("req_")


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, 'a"b', "x\tx"])
def test_a_request_id_that_is_not_sane_is_replaced(asking: httpx.Client, given: str) -> None:
    answer = asking.get("/health", headers={"X-Request-ID": given})
    assert answer.headers["x-request-id"].startswith("req_")


def test_a_fault_is_logged_with_its_trace_and_answered_without(
    api: Api, acme: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    def break_down() -> None:
        raise RuntimeError("hunter2 in the message")

    api.world.faults.always("before jobs.query", break_down)
    answer = acme.get("/api/v1/jobs")
    problem(answer, 500, "internal_error")
    assert "hunter2" not in answer.text
    assert "Traceback" not in answer.text
    record = next(r for r in caplog.records if r.levelno == logging.ERROR)
    assert record.exc_info is not None
    assert vars(record)["request_id"] == answer.headers["x-request-id"]


@pytest.fixture
def crossed(tmp_path: Path) -> Iterator[Api]:
    with open_api(tmp_path / "data", cors_origins=(ORIGIN,)) as opened:
        yield opened


def test_a_browser_of_an_allowed_origin_may_call_and_read_headers(crossed: Api) -> None:
    preflight = crossed.anonymous().options(
        "/api/v1/transcribe",
        headers={
            "Origin": ORIGIN,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "x-api-key,idempotency-key,content-type",
        },
    )
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == ORIGIN
    answer = crossed.client().get("/api/v1/jobs", headers={"Origin": ORIGIN})
    exposed = answer.headers["access-control-expose-headers"]
    assert all(name in exposed for name in ("Location", "RateLimit-Remaining", "X-Request-ID"))


def test_another_origin_gets_no_permission(crossed: Api) -> None:
    answer = crossed.client().get("/api/v1/jobs", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in answer.headers


def test_even_a_fault_may_be_read_by_an_allowed_origin(crossed: Api) -> None:
    def break_down() -> None:
        raise RuntimeError

    crossed.world.faults.always("before jobs.query", break_down)
    answer = crossed.client().get("/api/v1/jobs", headers={"Origin": ORIGIN})
    assert answer.status_code == 500
    assert answer.headers["access-control-allow-origin"] == ORIGIN


def test_without_origins_there_is_no_cors(api: Api) -> None:
    answer = api.client().get("/api/v1/jobs", headers={"Origin": ORIGIN})
    assert "access-control-allow-origin" not in answer.headers
