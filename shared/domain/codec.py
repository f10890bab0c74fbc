"""Frozen dataclasses to JSON-able documents and back, for every store and message.

A document holds only str, int, float, bool, None, lists and string-keyed dicts. Reading ignores
fields it does not know, so that an older process can read what a newer one wrote.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from shared.domain.errors import InvalidRequest

T = TypeVar("T")
Document = dict[str, Any]
_Reader = Callable[[Any], Any]

#: Most values of a record are one of these, and stand for themselves.
_PLAIN = frozenset({str, int, float, bool, type(None)})


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
    kind: type = type(value)
    if kind in _PLAIN:
        return value
    names = _field_names(kind)
    if names is not None:
        return {name: _encode(getattr(value, name)) for name in names}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): _encode(item) for key, item in value.items()}
    if isinstance(value, tuple | list | frozenset):
        items = sorted(value) if isinstance(value, frozenset) else value
        return [_encode(item) for item in items]
    return value


@cache
def _field_names(kind: type) -> tuple[str, ...] | None:
    """The fields of a dataclass, None of any other type; asked for every value, so remembered."""
    if not dataclasses.is_dataclass(kind):
        return None
    return tuple(field.name for field in dataclasses.fields(kind))


def _decode_dataclass(cls: Any, document: Mapping[str, Any]) -> Any:
    readers = _readers(cls)
    fields = {name: readers[name](item) for name, item in document.items() if name in readers}
    return cls(**fields)


@cache
def _readers(cls: type) -> dict[str, _Reader]:
    """How to read each field; worked out once a class, because hints are slow to take apart."""
    hints = get_type_hints(cls)
    return {field.name: _optional(_reader(hints[field.name])) for field in dataclasses.fields(cls)}


def _optional(reader: _Reader) -> _Reader:
    return lambda value: None if value is None else reader(value)


def _reader(hint: Any) -> _Reader:
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _union_reader(args)
    if origin in (tuple, frozenset):
        item = _reader(args[0])
        return lambda value: origin(item(one) for one in value)
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        item = _reader(args[1])
        return lambda value: {key: item(one) for key, one in value.items()}
    if dataclasses.is_dataclass(hint):
        return lambda value: _decode_dataclass(hint, value)
    if hint is float or (isinstance(hint, type) and issubclass(hint, Enum)):
        reader: _Reader = hint
        return reader
    return lambda value: value


def _union_reader(args: tuple[Any, ...]) -> _Reader:
    """Pick the arm that fits: a list goes to the tuple arm, anything else to the first other."""
    arms = [arm for arm in args if arm is not type(None)]
    lists = [arm for arm in arms if get_origin(arm) in (tuple, frozenset)]
    others = [arm for arm in arms if arm not in lists]
    for_list = _reader((lists or others)[0])
    for_other = _reader((others or lists)[0])
    return lambda value: (for_list if isinstance(value, list | tuple) else for_other)(value)
