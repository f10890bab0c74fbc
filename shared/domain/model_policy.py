"""Which model a job gets when its request names none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelPolicy:
    """A deployment's choice; every name is one of the registry.

    - default: for every language that has no model of its own; it also detects the language
    - by_language: models tuned for one language, by its code
    - pulled: whether these are fetched when they are not here, as somebody asked for them by name;
      else they are used where their weights are already
    - translate: for translation, None for the first that can
    - available: all that the deployment has beside the ones above, None where nobody said: then
      any may be asked for, since it may be pulled
    """

    default: str = "base"
    by_language: Mapping[str, str] = field(default_factory=dict)
    pulled: bool = False
    translate: str | None = None
    available: tuple[str, ...] | None = None
