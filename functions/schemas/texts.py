"""Fields of forms and headers, which come as text."""

from __future__ import annotations

import types
from typing import Annotated, Any, Union, get_args, get_origin

from functions.schemas.json_text import parse_json
from functions.schemas.submit import TranscribeOptions
from shared.domain.errors import InvalidRequest

_WORDS = {
    "true": True, "1": True, "yes": True, "on": True,
    "false": False, "0": False, "no": False, "off": False,
}  # fmt: skip


def typed_field(name: str, value: object) -> Any:
    """Forms and headers know only text: read what is no text field as a word, a number or JSON."""
    info = TranscribeOptions.model_fields.get(name)
    if info is None or not isinstance(value, str) or _holds_text(info.annotation):
        return value
    if bool in _arms(info.annotation):
        return _WORDS.get(value.strip().lower(), value)
    try:
        return parse_json(value)
    except InvalidRequest:
        return value  # not JSON: let the field's own check say what it wants


def _holds_text(annotation: Any) -> bool:
    return any(isinstance(arm, type) and issubclass(arm, str) for arm in _arms(annotation))


def _arms(annotation: Any) -> tuple[Any, ...]:
    """The alternatives of a type, without what `Annotated` adds to them."""
    if get_origin(annotation) is Annotated:
        return _arms(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(inner for arm in get_args(annotation) for inner in _arms(arm))
    return (annotation,)
