"""What the fake Batch takes and refuses, its filters, and templates' job definitions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tests.support.fake_batch_http import Refused

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
_STATUSES = ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED", "FAILED")
_LEAST_TIMEOUT, _MOST_ATTEMPTS, _MOST_RULES = 60, 10, 5
#: Members whose keys are names of the user's, not of the API's.
_MAPS = frozenset({"Options", "Parameters", "Tags"})
_NUMBERS = frozenset({"AttemptDurationSeconds", "Attempts"})


def _refuse(message: str) -> Refused:
    return Refused("ClientException", message)


def _require(request: Mapping[str, Any], *names: str) -> None:
    for name in names:
        if not request.get(name):
            raise _refuse(f"{name} must not be null or empty")


def check_submission(request: Mapping[str, Any]) -> None:
    """Refuse what SubmitJob refuses."""
    _require(request, "jobName", "jobQueue", "jobDefinition")
    if not _NAME.fullmatch(request["jobName"]):
        raise _refuse("Job name should match valid pattern")
    _check_variables(request.get("containerOverrides", {}).get("environment", []))
    _check_limits(request)


def check_definition(request: Mapping[str, Any]) -> None:
    """Refuse what RegisterJobDefinition refuses."""
    _require(request, "jobDefinitionName", "type", "containerProperties")
    if not _NAME.fullmatch(request["jobDefinitionName"]):
        raise _refuse("Job definition name should match valid pattern")
    container = request["containerProperties"]
    _require(container, "image")
    needs = {it["type"] for it in container.get("resourceRequirements", [])}
    if not needs >= {"VCPU", "MEMORY"}:
        raise _refuse("containerProperties must say vCPUs and memory")
    _check_variables(container.get("environment", []))
    _check_limits(request)


def _check_variables(variables: Sequence[Mapping[str, str]]) -> None:
    for variable in variables:
        if variable["name"].startswith("AWS_BATCH"):
            raise _refuse("Environment variable cannot start with AWS_BATCH")


def _check_limits(request: Mapping[str, Any]) -> None:
    seconds = request.get("timeout", {}).get("attemptDurationSeconds", _LEAST_TIMEOUT)
    strategy = request.get("retryStrategy", {})
    if seconds < _LEAST_TIMEOUT:
        raise _refuse("attemptDurationSeconds must be at least 60")
    if not 1 <= strategy.get("attempts", 1) <= _MOST_ATTEMPTS:
        raise _refuse("attempts must be between 1 and 10")
    rules = strategy.get("evaluateOnExit", [])
    if len(rules) > _MOST_RULES or (rules and "attempts" not in strategy):
        raise _refuse("evaluateOnExit takes five rules, and needs attempts")


def select(
    newest_first: Sequence[Mapping[str, Any]], request: Mapping[str, Any]
) -> list[Mapping[str, Any]]:
    """The jobs that ListJobs means: by one filter in any state, else in one state."""
    filters = request.get("filters", [])
    if len(filters) > 1:
        raise _refuse("Only one filter can be used at a time")
    if filters:
        (chosen,) = filters
        return [job for job in newest_first if _passes(job, chosen["name"], chosen["values"][0])]
    status = request.get("jobStatus") or "RUNNING"
    if status not in _STATUSES:
        raise _refuse(f"{status} is no status")
    return [job for job in newest_first if job["status"] == status]


def _passes(job: Mapping[str, Any], name: str, value: str) -> bool:
    if name == "JOB_NAME":
        wanted, given = value.lower(), job["jobName"].lower()
        return bool(given.startswith(wanted[:-1]) if wanted.endswith("*") else given == wanted)
    if name == "AFTER_CREATED_AT":
        return bool(job["createdAt"] > int(value))
    if name == "BEFORE_CREATED_AT":
        return bool(job["createdAt"] < int(value))
    raise _refuse(f"{name} is no filter that the fake knows")


def from_template(properties: Mapping[str, Any]) -> dict[str, Any]:
    """An ``AWS::Batch::JobDefinition`` as RegisterJobDefinition takes it."""
    document: dict[str, Any] = _api_names(properties)
    return document


def _api_names(value: Any, name: str = "") -> Any:
    if isinstance(value, Mapping):
        keep = name in _MAPS
        return {
            key if keep else key[0].lower() + key[1:]: _api_names(item, key)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_api_names(item) for item in value]
    return int(value) if name in _NUMBERS else value
