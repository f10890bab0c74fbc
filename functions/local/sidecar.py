"""Options beside a dropped file: the fields of a submit, but for the source, as JSON."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from functions.api.errors import described
from functions.api.schemas.transcribe import TranscribeOptions
from functions.api.submissions import submission
from functions.intake.handle import Wishes
from shared.domain.errors import InvalidRequest, Unavailable
from shared.services.submission import UrlAudio

_MOST_BYTES = 64 << 10


def read_wishes(path: Path) -> Wishes:
    """What the file asks for; the defaults when there is none.

    Raises:
        InvalidRequest: not JSON, an unknown field, a value that can't be, or over 64 KiB.
        Unavailable: it is there and can't be read.
    """
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        return Wishes()
    except OSError as exc:
        raise Unavailable(f"{path.name} can't be read: {exc.strerror}") from exc
    if len(text) > _MOST_BYTES:
        raise InvalidRequest(f"{path.name} is larger than {_MOST_BYTES} bytes")
    try:
        fields = TranscribeOptions.model_validate_json(text)
    except ValidationError as exc:
        first = described(exc.errors())[0]
        raise InvalidRequest(
            f"{path.name}: {first['field']}: {first['message']}", field=first["field"]
        ) from exc
    # The API's own translation; tenant and audio are the dropped file's and come later.
    asked = submission(fields, fields, tenant="", audio=UrlAudio(url=""))
    return Wishes(
        options=asked.options,
        webhook=asked.webhook,
        recording_id=asked.recording_id,
        metadata=asked.metadata,
        priority=asked.priority,
        retention_seconds=asked.retention_seconds,
    )
