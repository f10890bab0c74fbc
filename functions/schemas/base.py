"""The types from which all bodies are made."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic.json_schema import WithJsonSchema

#: No NUL, since that is nobody's text; line breaks are.
_TEXT = r"^[^\x00]*$"
#: One line: no control character at all.
_LINE = r"^[^\x00-\x1f\x7f]*$"

#: Retentions and keys may last so long (seconds).
TEN_YEARS = 315_360_000.0

EXAMPLE_TIME = "2026-03-01T09:30:00.000Z"


class Model(BaseModel):
    """Unknown fields are refused with their name; what was read does not change.

    A validator is built when it is first needed, which pydantic does under a lock: an API that
    starts for one request pays for the models of that request only. A body's or a query's is built
    at once (``defer_build=False``): while FastAPI does that, it mutes a warning about how it does.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)


def dense(schema: Any) -> Any:
    """JSON without what is null, as FastAPI writes its part of the OpenAPI document."""
    if isinstance(schema, dict):
        return {name: dense(value) for name, value in schema.items() if value is not None}
    return [dense(value) for value in schema] if isinstance(schema, list) else schema


Flag = Annotated[bool, Field(strict=True)]
Number = Annotated[float, Field(strict=True)]
Whole = Annotated[int, Field(strict=True)]

Line80 = Annotated[str, StringConstraints(max_length=80, pattern=_LINE)]
Line200 = Annotated[str, StringConstraints(max_length=200, pattern=_LINE)]
Text2000 = Annotated[str, StringConstraints(max_length=2000, pattern=_TEXT)]
Text500 = Annotated[str, StringConstraints(max_length=500, pattern=_TEXT)]
Name64 = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=_LINE)]
UrlText = Annotated[str, StringConstraints(max_length=2048, pattern=_LINE)]

#: An answer's time.
Timestamp = Annotated[
    str, Field(json_schema_extra={"format": "date-time"}, examples=[EXAMPLE_TIME])
]


def _moment(value: Any) -> Any:
    """ISO 8601 only: a bare number would be read as seconds by one and as a year by another."""
    if not isinstance(value, str):
        return value
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        msg = f"must be a date and time as ISO 8601 has it, such as {EXAMPLE_TIME}"
        raise ValueError(msg) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


#: A caller's time; without a time zone it is UTC.
Moment = Annotated[
    datetime,
    BeforeValidator(_moment),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": [EXAMPLE_TIME]}),
]
