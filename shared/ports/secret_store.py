"""Secrets that services need in clear, such as webhook signing secrets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class SecretStore(Protocol):
    """Each name holds versions, newest first. Every method may raise `Unavailable`."""

    def get(self, name: str) -> Sequence[str]:
        """All versions in force, newest first; empty when there is none."""
        ...

    def put(self, name: str, value: str, *, keep: int = 2) -> None:
        """Add a newest version, keeping at most `keep` in all, so that a rotation overlaps."""
        ...

    def put_if_absent(self, name: str, value: str) -> str:
        """Add a first version unless there is one; returns the newest in force.

        Of two racing callers both get the same value.
        """
        ...
