"""Options beside a dropped file: the fields of a submit, but for the source, as JSON."""

from __future__ import annotations

from pathlib import Path

from functions.intake.handle import Wishes
from functions.intake.wishes import read_wishes as checked
from functions.local.inbox_files import display_name, read_beside
from functions.schemas.submit import TranscribeOptions
from shared.domain.errors import InvalidRequest, Unavailable

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
    return checked(lambda: TranscribeOptions.model_validate_json(text), where=name)
