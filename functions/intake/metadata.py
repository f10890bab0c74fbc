"""Options of a dropped object, from what its sender said of it (``x-amz-meta-tamlil…`` on S3).

``tamlil`` holds one JSON object with the fields of a submit but for the source; ``tamlil-<field>``
one field, with dashes for underscores, as a form has it. What is given in both must be the same.
A store keeps about 2 KB of metadata; text beyond ASCII comes as RFC 2047 has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from typing import Any

from pydantic import ValidationError

from functions.intake.handle import Wishes
from functions.intake.wishes import read_wishes
from functions.schemas.json_text import parse_json
from functions.schemas.submit import JobFields, TranscribeOptions
from functions.schemas.texts import typed_field
from functions.schemas.translate import same_in_both, webhook_target
from shared.domain.errors import InvalidRequest
from shared.domain.job import WebhookTarget

_WHOLE = "tamlil"
_SINGLE = "tamlil-"


@dataclass(frozen=True, kw_only=True, slots=True)
class Contact:
    """Who wants to hear of an object, also when the rest of what is asked can't be."""

    webhook: WebhookTarget | None = None
    recording_id: str | None = None


def asks(metadata: Mapping[str, str]) -> bool:
    """Whether anything is asked at all."""
    return any(name == _WHOLE or name.startswith(_SINGLE) for name in metadata)


def wishes_of(metadata: Mapping[str, str]) -> Wishes:
    """What is asked of the object.

    Raises:
        InvalidRequest: not JSON, an unknown field, a value that can't be, or contradictions.
    """
    fields = _fields(metadata)
    return read_wishes(lambda: TranscribeOptions.model_validate(fields), where="metadata")


def contact_of(metadata: Mapping[str, str]) -> Contact:
    """Whom to tell of a refusal, as far as that much can be read."""
    try:
        fields = _fields(metadata)
        known = {name: fields[name] for name in JobFields.model_fields.keys() & fields.keys()}
        read = JobFields.model_validate(known)
        return Contact(webhook=webhook_target(read), recording_id=read.recording_id)
    except (InvalidRequest, ValidationError):
        return Contact()


def _fields(metadata: Mapping[str, str]) -> dict[str, Any]:
    whole: Any = {}
    if _WHOLE in metadata:
        whole = parse_json(_text(metadata[_WHOLE]))
        if not isinstance(whole, dict):
            raise InvalidRequest(f"metadata {_WHOLE} must be a JSON object", field=_WHOLE)
    single: dict[str, Any] = {}
    for name, value in metadata.items():
        if name.startswith(_SINGLE):
            field = name.removeprefix(_SINGLE).replace("-", "_")
            single[field] = typed_field(field, _text(value))
    return same_in_both(single, whole, where=f"metadata {_WHOLE}")


def _text(value: str) -> str:
    if "=?" not in value:
        return value
    try:
        return str(make_header(decode_header(value)))
    except (HeaderParseError, LookupError, UnicodeError):
        return value  # not RFC 2047 after all
