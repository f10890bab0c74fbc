"""IAM's actions as cfn-lint carries them: which exist, and which know a resource."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def _services() -> dict[str, Any]:
    data = files("cfnlint") / "data" / "AdditionalSpecs" / "Policies.json"
    found: dict[str, Any] = json.loads(data.read_text(encoding="utf-8"))
    return found


def matching(action: str) -> set[str]:
    """The actions that exist and that this one, which may hold ``*``, stands for; in lower case."""
    service, _, name = action.lower().partition(":")
    known = _services().get(service, {}).get("Actions", {})
    return {f"{service}:{found}" for found in known if fnmatchcase(found, name)}


def knows_resources(action: str) -> bool:
    """Whether a statement can name the resources that the action is allowed on."""
    service, _, name = action.lower().partition(":")
    return bool(_services()[service]["Actions"][name].get("Resources"))
