"""Each role as it was deployed: what it may, it may; all else that is tried is denied.

A denial is IAM's, enforced by ministack: with the credentials of an assumed role, signed.
"""

from __future__ import annotations

import pytest

from tests.aws.support.attempts import ATTEMPTS, allowed, caller
from tests.aws.support.stack import Stack

_KEPT = {"read records", "write records"}
_RECORDS = _KEPT | {"delete records"}
MAY = {
    "ApiRole": _RECORDS
    | {
        "delete objects",
        "list the bucket",
        "publish events",
        "read audio",
        "read secrets",
        "send jobs",
        "terminate workers",
        "write objects",
    },
    "IntakeRole": _KEPT | {"list the bucket", "publish events", "read audio", "send jobs"},
    "DispatchRole": _KEPT | {"publish events", "submit workers"},
    "WebhookRole": _RECORDS | {"list the bucket", "read audio", "read secrets"},
    "SweepRole": _RECORDS
    | {
        "delete objects",
        "list the bucket",
        "publish events",
        "read audio",
        "send jobs",
        "terminate workers",
        "write objects",
    },
}
#: Of the records it may change those of jobs, which IAM tells by their keys and ministack does not.
WORKER_MAY = {
    "delete objects",
    "list the bucket",
    "publish events",
    "read audio",
    "read records",
    "send jobs",
    "write objects",
}


@pytest.mark.parametrize("role", MAY)
def test_a_function_may_what_it_needs_and_nothing_else(stack: Stack, role: str) -> None:
    call = caller(stack, stack.role(role))
    assert {attempt for attempt in ATTEMPTS if allowed(call, attempt)} == MAY[role]


def test_a_worker_may_what_it_needs_and_nothing_else(stack: Stack) -> None:
    call = caller(stack, stack.job_role)
    assert {attempt for attempt in ATTEMPTS if allowed(call, attempt)} == WORKER_MAY
