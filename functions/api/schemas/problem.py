"""The one shape of every error."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from functions.schemas.base import Model


class FieldError(Model):
    """One field that can't be accepted."""

    field: str = Field(description="Dotted path of the field.", examples=["beam_size"])
    message: str = Field(
        description="What is wrong with it; names the limit.",
        examples=["Input should be less than or equal to 20"],
    )


class Problem(Model):
    """A problem document as RFC 9457 describes it."""

    model_config = ConfigDict(title="Problem")

    type: str = Field(
        description="Identifies the kind of problem.",
        examples=["urn:tamlil:problem:invalid_request"],
    )
    title: str = Field(
        description="The phrase of the HTTP status.", examples=["Unprocessable Entity"]
    )
    status: int = Field(description="The HTTP status.", examples=[422])
    detail: str = Field(
        description="What happened, for people.",
        examples=["beam_size: Input should be less than or equal to 20"],
    )
    code: str = Field(
        description="Stable; programs may switch on it.", examples=["invalid_request"]
    )
    request_id: str | None = Field(
        description="Under which the log has the request.", examples=["req_3f0c"]
    )
    field: str | None = Field(
        default=None, description="The field that is at fault.", examples=["beam_size"]
    )
    errors: list[FieldError] | None = Field(
        default=None, description="All fields at fault, at most 20, when there may be several."
    )
