"""Where API keys live, hashed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from shared.domain.api_keys import ApiKey


class KeyStore(Protocol):
    """Every method raises `Unavailable` when the store does not answer."""

    def add(self, key: ApiKey) -> None:
        """Store a new key.

        Raises:
            Conflict: one with this id exists.
        """
        ...

    def get(self, key_id: str) -> ApiKey | None:
        """The key, revoked ones included, or None."""
        ...

    def list(self, tenant: str | None = None) -> Sequence[ApiKey]:
        """A tenant's keys, or all; oldest first, revoked ones included.

        It may for a moment lack a new key, and lacks one that can't be read, as the lists of
        `JobStore`; `get` never does.
        """
        ...

    def revoke(self, key_id: str, *, now: float) -> ApiKey:
        """Mark it revoked; the first revocation's time stays.

        Raises:
            NotFound: there is no such key.
        """
        ...
