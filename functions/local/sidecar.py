"""Options beside a dropped file: the fields of a submit, but for the source, as JSON."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from functions.api.errors import described
from functions.api.schemas.transcribe import TranscribeOptions
from functions.api.submissions import submission
from functions.intake.handle import Wishes
from functions.local.inbox_files import display_name, read_beside
from shared.domain.errors import InvalidRequest, Unavailable
from shared.services.submission import UrlAudio

_MOST_BYTES = 64 << 10


def read_wishes(path: Path) -> Wishes:
    """What the file asks for; the defaults when there is none.

    Raises:
        InvalidRequest: a link or a pipe, not JSON, an unknown field, a value that can't be, or over
            64 KiB.
        Unavailable: we may not read it.
    """
    name = display_name(path)
    try:
        text = read_beside(path, most_bytes=_MOST_BYTES + 1)
    except PermissionError as exc:  # it may be given yet, which changes nothing of the file
        raise Unavailable(f"{name} can't be read: {exc.strerror}") from exc
    except OSError as exc:
        raise InvalidRequest(f"{name} can't be read: {exc.strerror}") from exc
    if text is None:
        return Wishes()
    if len(text) > _MOST_BYTES:
        raise InvalidRequest(f"{name} is larger than {_MOST_BYTES} bytes")
    try:
        fields = TranscribeOptions.model_validate_json(text)
    except ValidationError as exc:
        first = described(exc.errors())[0]
        raise InvalidRequest(
            f"{name}: {first['field']}: {first['message']}", field=first["field"]
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
