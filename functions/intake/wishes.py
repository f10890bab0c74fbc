"""What is asked of a dropped object: the fields of a submit but for the source, checked alike."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import ValidationError

from functions.intake.handle import Wishes
from functions.schemas.described import described
from functions.schemas.submit import TranscribeOptions
from functions.schemas.translate import check_offered, transcription_options, webhook_target
from shared.domain.errors import InvalidRequest


def read_wishes(read: Callable[[], TranscribeOptions], *, where: str) -> Wishes:
    """What the fields ask for; `read` makes them, `where` names their place in a refusal.

    Raises:
        InvalidRequest: an unknown field, a value that can't be, or fields that contradict others.
    """
    try:
        fields = read()
    except ValidationError as exc:
        first = described(exc.errors())[0]
        raise InvalidRequest(
            f"{where}: {first['field']}: {first['message']}", field=first["field"]
        ) from exc
    check_offered(fields)
    return Wishes(
        options=transcription_options(fields),
        webhook=webhook_target(fields),
        recording_id=fields.recording_id,
        metadata=fields.metadata,
        priority=fields.priority,
        retention_seconds=fields.retention_seconds,
    )
