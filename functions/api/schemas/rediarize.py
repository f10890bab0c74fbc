"""The body that asks for a finished job's voices to be grouped anew."""

from __future__ import annotations

from pydantic import Field

from functions.schemas.base import TEN_YEARS, Flag, Line200, Name64, Text500
from functions.schemas.base import Number as _Number
from functions.schemas.base import Whole as _Whole
from functions.schemas.options import DiarizationArgs
from functions.schemas.submit import WebhookFields


class RediarizeRequest(WebhookFields, defer_build=False):
    """Other limits, and what concerns the new job; null means as the finished job has it."""

    diarization_args: DiarizationArgs | None = Field(
        default=None,
        description="How many speakers to look for; null leaves it to the diarizer.",
        examples=[{"num_speakers": 2}],
    )
    same_webhook: Flag = Field(
        default=False, description="Tell the finished job's webhook; not with a webhook_url."
    )
    recording_id: Line200 | None = Field(default=None, description="Your own id; echoed.")
    metadata: dict[Name64, Text500] | None = Field(
        default=None, max_length=16, description="As in a submit."
    )
    retention_seconds: _Number | None = Field(
        default=None, gt=0, le=TEN_YEARS, description="Erase everything so long after the end."
    )
    priority: _Whole | None = Field(
        default=None, ge=-10, le=10, description="Higher goes first, within what waits."
    )
