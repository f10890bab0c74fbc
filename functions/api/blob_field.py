"""The field `blob`: a small file's bytes inside a JSON body."""

from __future__ import annotations

import base64

from functions.api.audio_types import check_audio_type
from shared.domain.errors import InvalidRequest, LimitExceeded
from shared.services.submission import BytesAudio


def decode_blob(text: str, filename: str | None, max_bytes: int) -> BytesAudio:
    """Read base64, or a ``data:`` URI that holds it.

    Raises:
        InvalidRequest: malformed, empty, or not audio.
        LimitExceeded: larger than `max_bytes` when decoded.
    """
    content_type = None
    if text.startswith("data:"):
        header, comma, text = text[len("data:") :].partition(",")
        declared, _, encoding = header.rpartition(";")
        if not comma or encoding.lower() != "base64":
            raise _malformed("a data: URI must be of the form data:<type>;base64,<bytes>")
        content_type = check_audio_type(declared, field="blob")
    if len(text) // 4 * 3 > max_bytes + 2:  # up to two bytes of the last group are padding
        raise _too_large(max_bytes)
    try:
        content = base64.b64decode("".join(text.split()), validate=True)
    except ValueError as exc:
        raise _malformed("blob is not valid base64 (RFC 4648 with padding)") from exc
    if not content:
        raise InvalidRequest("blob is empty (0 bytes)", code="empty_file", field="blob")
    if len(content) > max_bytes:
        raise _too_large(max_bytes)
    return BytesAudio(
        chunks=[content], filename=filename, content_type=content_type, max_bytes=max_bytes
    )


def _malformed(detail: str) -> InvalidRequest:
    return InvalidRequest(detail, code="malformed_base64", field="blob")


def _too_large(max_bytes: int) -> LimitExceeded:
    return LimitExceeded(
        f"blob is larger than {max_bytes} bytes; use POST /api/v1/uploads",
        code="payload_too_large",
        field="blob",
    )
