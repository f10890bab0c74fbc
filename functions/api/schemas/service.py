"""Models, liveness and readiness."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from functions.schemas.base import Model

CheckResult = Literal["ok", "unavailable"]


class ModelOut(Model):
    """A model that may be asked for."""

    name: str = Field(examples=["base"])
    engine: str
    title: str
    licence: str
    languages: list[str] = Field(examples=[["he"]])
    multilingual: bool = Field(description="Whether it can detect the language.")
    can_translate: bool
    default: bool = Field(description="Taken when a request names no model.")
    chosen_for: list[str] = Field(
        description="Languages for which it is taken instead of the default, when they are named or"
        " detected; of the house's own choice only where its weights are.",
        examples=[["he"]],
    )
    size_bytes: int | None
    aliases: list[str]


class ModelList(Model):
    """All models of this deployment, the default first."""

    models: list[ModelOut]


class Health(Model):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Readiness(Model):
    """Whether what it needs answers too."""

    status: CheckResult
    checks: dict[str, CheckResult] = Field(
        examples=[{"store": "ok", "queue": "ok", "bucket": "ok"}]
    )
