"""Secrets that are asked for again only now and then: for those that every webhook needs."""

from __future__ import annotations

from collections.abc import Sequence

from shared.ports.clock import Clock
from shared.ports.secret_store import SecretStore

#: A change counts everywhere after so many seconds.
KEPT_SECONDS = 60.0


class KeptSecrets:
    """`SecretStore` that remembers what it read, and that there was nothing, for `seconds`.

    What is written through it counts here at once, elsewhere when they ask again. Several threads
    may find the same name too old and each ask.
    """

    def __init__(self, store: SecretStore, *, clock: Clock, seconds: float = KEPT_SECONDS) -> None:
        self._store = store
        self._clock = clock
        self._seconds = seconds
        self._kept: dict[str, tuple[float, tuple[str, ...]]] = {}

    def get(self, name: str) -> Sequence[str]:
        """All versions in force, newest first, as of `seconds` ago or later."""
        now = self._clock.now()
        at, values = self._kept.get(name, (now - self._seconds, ()))
        if not 0 <= now - at < self._seconds:  # a clock that was set back has kept it too long
            values = tuple(self._store.get(name))
            self._kept[name] = (now, values)
        return values

    def put(self, name: str, value: str, *, keep: int = 2) -> None:
        """Add a newest version; what was kept is forgotten."""
        self._store.put(name, value, keep=keep)
        self._kept.pop(name, None)

    def put_if_absent(self, name: str, value: str) -> str:
        """Add a first version unless there is one; what was kept is forgotten."""
        found = self._store.put_if_absent(name, value)
        self._kept.pop(name, None)
        return found
