"""Requests that nobody here made up: schemathesis reads the OpenAPI document and tries them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext, suppress
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import positive_data_acceptance

from shared.domain.api_keys import Scope
from tests.support.api import Api, open_api

_OPERATIONS = [
    "DELETE /api/v1/jobs/{job_id}",
    "DELETE /api/v1/keys/{key_id}",
    "GET /api/v1/jobs",
    "GET /api/v1/jobs/{job_id}",
    "GET /api/v1/jobs/{job_id}/events",
    "GET /api/v1/jobs/{job_id}/segments",
    "GET /api/v1/jobs/{job_id}/transcript",
    "GET /api/v1/keys",
    "GET /api/v1/models",
    "GET /api/v1/webhooks/deliveries",
    "GET /api/v1/webhooks/deliveries/{delivery_id}",
    "GET /api/v1/webhooks/secret",
    "GET /health",
    "GET /health/ready",
    "GET /metrics",
    "POST /api/v1/jobs/{job_id}/rediarize",
    "POST /api/v1/keys",
    "POST /api/v1/transcribe",
    "POST /api/v1/transcribe/upload",
    "POST /api/v1/uploads",
    "POST /api/v1/webhooks/deliveries/{delivery_id}/redeliver",
    "POST /api/v1/webhooks/secret/rotate",
    "POST /api/v1/webhooks/test",
]


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with open_api(tmp_path_factory.mktemp("data"), rate_burst=10_000_000) as opened:
        yield opened


@pytest.fixture(scope="module")
def operations(deployment: Api) -> dict[str, Any]:
    schema = schemathesis.openapi.from_asgi("/openapi.json", deployment.app)
    found = list(schema.get_all_operations())
    assert all(isinstance(result, Ok) for result in found), found
    return {result.ok().label: result.ok() for result in found if isinstance(result, Ok)}


@pytest.fixture(scope="module")
def token(deployment: Api) -> str:
    return deployment.token(Scope.ADMIN)


def test_every_operation_is_on_the_list(operations: dict[str, Any]) -> None:
    assert sorted(operations) == _OPERATIONS


@pytest.mark.slow
@pytest.mark.parametrize("label", _OPERATIONS)
def test_no_request_breaks_the_api(label: str, operations: dict[str, Any], token: str) -> None:
    operation = operations[label]
    modes = (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)

    for mode in modes:

        @given(case=operation.as_strategy(generation_mode=mode))
        @settings(
            max_examples=30,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def try_it(case: Any) -> None:
            # What depends on another field, or on the deployment, a schema can't say.
            case.call_and_validate(
                headers={"X-API-Key": token}, excluded_checks=[positive_data_acceptance]
            )

        # An operation without input has none that is wrong.
        with suppress(Unsatisfiable) if mode.is_negative else nullcontext():
            try_it()
