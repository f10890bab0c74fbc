"""Documents of mappings, lists and scalars as YAML and as JSON that read well in a diff."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_WIDTH = 100


def yaml_text(value: Any, indent: int = 0) -> str:
    """The lines of a non-empty mapping or list, each with its line end.

    Texts are quoted as JSON does, which YAML reads alike; those of several lines are blocks. What
    is small and fits on one line is written on one.
    """
    pad = " " * indent
    if isinstance(value, Mapping):
        return "".join(_entry(f"{pad}{_key(name)}:", item, indent) for name, item in value.items())
    return "".join(_item(pad, item, indent) for item in value)


def json_text(value: Any, indent: int = 0) -> str:
    """The document; whatever fits on one line is written on one."""
    short = json.dumps(value)
    if len(short) + indent <= _WIDTH or not isinstance(value, Mapping | list):
        return short
    pad = " " * (indent + 1)
    if isinstance(value, Mapping):
        opening, closing = "{", "}"
        lines = [
            f"{pad}{json.dumps(name)}: {json_text(item, indent + 1)}"
            for name, item in value.items()
        ]
    else:
        opening, closing = "[", "]"
        lines = [pad + json_text(item, indent + 1) for item in value]
    inside = ",\n".join(lines)
    return f"{opening}\n{inside}\n{' ' * indent}{closing}"


def _entry(start: str, item: Any, indent: int) -> str:
    if isinstance(item, str) and "\n" in item:
        lines = "".join(f"{' ' * (indent + 2)}{line}\n" for line in item.splitlines())
        return f"{start} |-\n{lines}"
    short = f"{start} {_flow(item)}\n"
    return f"{start}\n{yaml_text(item, indent + 2)}" if _tall(item, short) else short


def _item(pad: str, item: Any, indent: int) -> str:
    short = f"{pad}- {_flow(item)}\n"
    if not _tall(item, short):
        return short
    return f"{pad}- {yaml_text(item, indent + 2).removeprefix(pad + '  ')}"


def _tall(item: Any, short: str) -> bool:
    """Whether it is written on several lines."""
    nested = isinstance(item, Mapping | list) and bool(item)
    return nested and (len(short) > _WIDTH or "\\n" in short or not _shallow(item))


def _flow(item: Any) -> str:
    if isinstance(item, Mapping):
        return "{ " + ", ".join(f"{_key(name)}: {_flow(it)}" for name, it in item.items()) + " }"
    if isinstance(item, list):
        return "[" + ", ".join(map(_flow, item)) + "]"
    return json.dumps(item)


def _key(name: str) -> str:
    return name if name.replace(":", "").isalnum() and name[0].isalpha() else json.dumps(name)


def _shallow(item: Any, levels: int = 3) -> bool:
    if isinstance(item, Mapping | list):
        inner = item.values() if isinstance(item, Mapping) else item
        return levels > 0 and all(_shallow(it, levels - 1) for it in inner)
    return True
