"""template.yaml as tests read it: resources by kind, functions with what `Globals` gives them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from tests.support.cloudformation import Stack, load_template

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "template.yaml"
NESTED = {"Batch": ROOT / "iac/aws/batch.yaml", "Watch": ROOT / "iac/aws/monitoring.yaml"}

FUNCTION = "AWS::Serverless::Function"


@cache
def template() -> dict[str, Any]:
    """The document. Shared: not to be changed."""
    return load_template(TEMPLATE)


def stack(**given: str) -> Stack:
    """The template with these parameters."""
    return Stack(template=template(), given=given)


def of_kind(kind: str) -> dict[str, dict[str, Any]]:
    """Logical ids to properties, as written, of every resource of one type."""
    found = template()["Resources"].items()
    return {name: resource["Properties"] for name, resource in found if resource["Type"] == kind}


def functions() -> dict[str, dict[str, Any]]:
    """Logical ids to properties of the functions, those of `Globals` included."""
    shared = template()["Globals"]["Function"]
    return {name: _under(shared, own) for name, own in of_kind(FUNCTION).items()}


def _under(shared: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """As SAM does: mappings are merged, and what a function says itself comes first."""
    merged = dict(shared)
    for name, value in own.items():
        both = isinstance(value, Mapping) and isinstance(shared.get(name), Mapping)
        merged[name] = _under(shared[name], value) if both else value
    return merged


def environment(function: str, **given: str) -> dict[str, str]:
    """What a function finds in its environment, with these parameters of the template."""
    variables = functions()[function]["Environment"]["Variables"]
    resolved: dict[str, Any] = stack(**given).resolve(variables)
    return {name: str(value) for name, value in resolved.items()}


def statements(role: str, **given: str) -> list[dict[str, Any]]:
    """Every statement of a role: its own, and those of the managed policies that it has."""
    made = stack(**given)
    found = made.properties(role)
    documents = [policy["PolicyDocument"] for policy in found["Policies"]]
    documents += [
        made.properties(name.strip("<>"))["PolicyDocument"]
        for name in found.get("ManagedPolicyArns", [])
    ]
    return [statement for document in documents for statement in document["Statement"]]


def listed(value: Any) -> list[Any]:
    """IAM takes one thing or a list of them."""
    return value if isinstance(value, list) else [value]
