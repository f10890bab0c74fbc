"""Environment variables as values, with every problem remembered: a start tells all at once."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

T = TypeVar("T")

_FLAGS = {
    "true": True, "1": True, "yes": True, "on": True, "t": True, "y": True,
    "false": False, "0": False, "no": False, "off": False, "f": False, "n": False,
}  # fmt: skip
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")


class Variables:
    """Reads ``TAMLIL_<NAME>`` and keeps in `problems` what is wrong, in words without the value."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.problems: list[str] = []

    def text(self, name: str) -> str | None:
        """The variable as it is, None when it is not there."""
        return self._variables.get(f"TAMLIL_{name}")

    def needed(self, name: str) -> str:
        """The same, and a problem when it is not there."""
        found = self.text(name)
        if found is None:
            self.wrong(name, "is missing")
        return found or ""

    def one_of(self, name: str, allowed: tuple[str, ...], default: str) -> str:
        """One of a few words."""
        found = self.text(name)
        if found is not None and found not in allowed:
            self.wrong(name, f"must be one of {', '.join(allowed)}")
        return default if found is None else found

    def matching(self, name: str, pattern: re.Pattern[str], default: str) -> str:
        """A text of this form."""
        found = self.text(name)
        if found is not None and not pattern.fullmatch(found):
            self.wrong(name, f"must match {pattern.pattern}")
        return default if found is None else found

    def flag(self, name: str, *, default: bool) -> bool:
        """A yes or no, in any of pydantic's spellings."""
        found = self.text(name)
        if found is None:
            return default
        if found.lower() not in _FLAGS:
            self.wrong(name, "must be true or false")
        return _FLAGS.get(found.lower(), default)

    def whole(self, name: str, default: int, *, least: int = 1) -> int:
        """A whole number."""
        found = self.text(name)
        if found is None:
            return default
        if not _WHOLE.fullmatch(found) or int(found) < least:
            self.wrong(name, f"must be a whole number of at least {least}")
            return default
        return int(found)

    def number(self, name: str, default: float, *, zero: bool = False) -> float:
        """A number above 0, or 0 where `zero`."""
        found = self.maybe_number(name, zero=zero)
        return default if found is None else found

    def maybe_number(self, name: str, *, zero: bool = False) -> float | None:
        """The same without a default."""
        found = self.text(name)
        if found is None:
            return None
        try:
            value = float(found)
        except ValueError:
            value = math.nan
        if "_" in found or not (value > 0 or (zero and value == 0)):
            self.wrong(name, "must be a number " + ("not below 0" if zero else "above 0"))
            return None
        return value

    def checked(self, name: str, check: Callable[[str], T]) -> T | None:
        """What `check` makes of it; its ValueError says what is wrong."""
        found = self.text(name)
        if found is None:
            return None
        try:
            return check(found)
        except ValueError as exc:
            self.wrong(name, str(exc))
            return None

    def items(self, name: str, kinds: tuple[type, ...]) -> tuple[Any, ...] | None:
        """A JSON list of these kinds."""
        found = self.text(name)
        if found is None:
            return None
        try:
            items = json.loads(found)
        except ValueError:
            items = None
        right = isinstance(items, list) and all(type(item) in kinds for item in items)
        if not right:
            self.wrong(name, "must be a JSON list")
            return None
        return tuple(items)

    def wrong(self, name: str, what: str) -> None:
        """Remember a problem."""
        self.problems.append(f"TAMLIL_{name} {what}")
