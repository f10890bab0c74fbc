"""Frozen dataclasses to JSON-able documents and back, for every store and message.

A document holds only str, int, float, bool, None, lists and string-keyed dicts. Reading ignores
fields it does not know, so that an older process can read what a newer one wrote.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from shared.domain.errors import InvalidRequest

T = TypeVar("T")
Document = dict[str, Any]


def to_document(value: object) -> Document:
    """Turn a dataclass into a document, nested ones included."""
    encoded = _encode(value)
    if not isinstance(encoded, dict):
        msg = f"{type(value).__name__} is not a dataclass"
        raise TypeError(msg)
    return encoded


def from_document(cls: type[T], document: Mapping[str, Any]) -> T:
    """Build `cls` from a document.

    Raises:
        InvalidRequest: a field is missing or of the wrong shape.
    """
    try:
        decoded: T = _decode_dataclass(cls, document)
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        msg = f"not a {cls.__name__} document: {exc}"
        raise InvalidRequest(msg, code="invalid_document") from exc
    return decoded


def _encode(value: object) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _encode(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): _encode(item) for key, item in value.items()}
    if isinstance(value, tuple | list | frozenset):
        items = sorted(value) if isinstance(value, frozenset) else value
        return [_encode(item) for item in items]
    return value


@cache
def _hints(cls: type) -> dict[str, Any]:
    return get_type_hints(cls)


def _decode_dataclass(cls: Any, document: Mapping[str, Any]) -> Any:
    hints = _hints(cls)
    known = {f.name for f in dataclasses.fields(cls)}
    fields = {name: _decode(hints[name], item) for name, item in document.items() if name in known}
    return cls(**fields)


def _decode(hint: Any, value: Any) -> Any:
    if value is None:
        return None
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _decode_union(args, value)
    if origin in (tuple, frozenset):
        return origin(_decode(args[0], item) for item in value)
    if origin is not None and isinstance(value, Mapping):
        return {key: _decode(args[1], item) for key, item in value.items()}
    if dataclasses.is_dataclass(hint):
        return _decode_dataclass(hint, value)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint(value)
    return float(value) if hint is float else value


def _decode_union(args: tuple[Any, ...], value: Any) -> Any:
    """Pick the arm that fits: a list goes to the tuple arm, anything else to the first other."""
    arms = [arm for arm in args if arm is not type(None)]
    is_list = isinstance(value, list | tuple)
    fitting = [arm for arm in arms if (get_origin(arm) in (tuple, frozenset)) == is_list]
    return _decode((fitting or arms)[0], value)
