"""What a check of `tamlil doctor` found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One finding; `advice` is empty when all is well."""

    name: str
    state: State
    found: str
    advice: str = ""


def ok(name: str, found: str) -> Check:
    """All is well."""
    return Check(name=name, state=State.OK, found=found)


def warn(name: str, found: str, advice: str) -> Check:
    """It works, but could be better."""
    return Check(name=name, state=State.WARN, found=found, advice=advice)


def fail(name: str, found: str, advice: str) -> Check:
    """It won't work until this is mended."""
    return Check(name=name, state=State.FAIL, found=found, advice=advice)
