"""Which content types may be audio."""

from __future__ import annotations

from functions.api.strict_json import media_type
from shared.domain.errors import InvalidRequest

#: Containers that registries file under `application`, and what clients send when they don't know.
_OTHERS = frozenset(
    "application/octet-stream binary/octet-stream application/ogg application/mp4 application/mxf"
    " application/x-matroska application/vnd.rn-realmedia application/vnd.ms-asf".split()
)


def check_audio_type(header: str | None, *, field: str) -> str | None:
    """Return the declared content type, None when nothing is declared.

    Raises:
        InvalidRequest: code ``unsupported_media_type``: neither audio nor video.
    """
    declared = media_type(header)
    if not declared:
        return None
    if declared.startswith(("audio/", "video/")) or declared in _OTHERS:
        return declared
    raise InvalidRequest(
        "the content type is not audio/*, video/* or application/octet-stream",
        code="unsupported_media_type",
        field=field,
    )
