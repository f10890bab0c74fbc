"""How far a reader of a growing transcript has come, as an opaque text that it gives back."""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import astuple, dataclass

from shared.domain.errors import InvalidRequest
from shared.domain.transcript import Segment

#: The edition of the final transcript where it differs from all that was read before it.
FINAL = -1
_VERSION = "segments-1"
_MOST = 1 << 40


@dataclass(frozen=True, slots=True)
class Position:
    """What a reader of a job has.

    - edition: of the saved work that it read, or `FINAL`
    - parts: how many parts it has read whole
    - skip: how many segments it has of the part after these
    - segments: how many segments it has in all
    - mark: a checksum of the last of them, by which another transcript is noticed
    """

    edition: int = 0
    parts: int = 0
    skip: int = 0
    segments: int = 0
    mark: int = 0


def mark_of(segment: Segment) -> int:
    """A checksum of what a reader sees of a segment; not of its speakers, which come later."""
    seen = f"{segment.id}/{segment.start:.3f}/{segment.end:.3f}/{segment.text}"
    return zlib.crc32(seen.encode("utf-8", "replace"))


def encode_position(job_id: str, position: Position) -> str:
    """Letters, digits, dash and underscore; good for this job only."""
    text = json.dumps([_VERSION, job_id, *astuple(position)], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_position(job_id: str, cursor: str) -> Position:
    """Read back what `encode_position` wrote for this job.

    Raises:
        InvalidRequest: code ``invalid_cursor``.
    """
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        version, owner, *numbers = json.loads(
            base64.b64decode(padded, altchars=b"-_", validate=True)
        )
        if (version, owner) == (_VERSION, job_id) and all(map(_is_whole, numbers)):
            position = Position(*numbers)
            if position.edition >= FINAL and min(numbers[1:], default=0) >= 0:
                return position
    except (ValueError, TypeError, RecursionError) as exc:
        raise _invalid() from exc
    raise _invalid()


def _is_whole(value: object) -> bool:
    return type(value) is int and value < _MOST


def _invalid() -> InvalidRequest:
    msg = "after is not a cursor that this job's segments or events gave"
    return InvalidRequest(msg, code="invalid_cursor", field="after")
