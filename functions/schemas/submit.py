"""Everything of a submit but the source."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from functions.schemas.base import (
    TEN_YEARS,
    Line200,
    Model,
    Name64,
    Text500,
    UrlText,
)
from functions.schemas.base import Number as _Number
from functions.schemas.base import Whole as _Whole
from functions.schemas.options import OptionFields
from shared.domain.events import EventType
from shared.domain.job import DEFAULT_WEBHOOK_EVENTS, PayloadMode

SUBSCRIBABLE = tuple(event for event in EventType if event is not EventType.WEBHOOK_TEST)

_Event = Annotated[
    EventType, Field(json_schema_extra={"enum": [str(event) for event in SUBSCRIBABLE]})
]


class WebhookFields(Model):
    """Who hears of a job."""

    webhook_url: UrlText | None = Field(
        default=None,
        description="Gets a signed POST for each event.",
        examples=["https://example.com/hooks/tamlil"],
    )
    webhook_events: list[_Event] | None = Field(
        default=None,
        min_length=1,
        max_length=len(SUBSCRIBABLE),
        description="Which events; null means " + ", ".join(DEFAULT_WEBHOOK_EVENTS) + ".",
    )
    webhook_mode: PayloadMode | None = Field(
        default=None, description="`standard` (Standard Webhooks), or the flat `legacy` body."
    )


class JobFields(WebhookFields):
    """What concerns the job and not the engine."""

    recording_id: Line200 | None = Field(
        default=None, description="Your own id; echoed, and a filter of GET /api/v1/jobs."
    )
    metadata: dict[Name64, Text500] = Field(
        default_factory=dict,
        max_length=16,
        description="Up to 16 names (64 characters) with texts (500 characters); echoed.",
        examples=[{"לקוח": "כהן", "case": "42"}],
    )
    enhance: dict[str, Any] | None = Field(
        default=None, description="The second step; this deployment does not offer it yet."
    )
    retention_seconds: _Number | None = Field(
        default=None,
        gt=0,
        le=TEN_YEARS,
        description="Erase everything so long after the end; null is the deployment's default.",
    )
    priority: _Whole = Field(
        default=0, ge=-10, le=10, description="Higher goes first, within what waits."
    )


class TranscribeOptions(OptionFields, JobFields):
    """Everything but the source: with a multipart file, or with a signed upload."""
