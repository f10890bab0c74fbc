"""API keys: ``tml_<id>_<secret>``. Only a hash of the secret is ever stored."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from enum import StrEnum

from shared.domain.errors import InvalidRequest

_TENANT = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_KEY = re.compile(r"tml_([a-z0-9]{12})_([A-Za-z0-9]{43})")
_ID_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
_SECRET_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ" + _ID_ALPHABET  # 43 of 62: 256 bits


class Scope(StrEnum):
    """What a key may do; `admin` includes all the others and manages keys."""

    JOBS_WRITE = "jobs:write"
    JOBS_READ = "jobs:read"
    ENHANCE = "enhance"
    WEBHOOKS = "webhooks"
    ADMIN = "admin"


DEFAULT_SCOPES = frozenset({Scope.JOBS_WRITE, Scope.JOBS_READ, Scope.WEBHOOKS})


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiKey:
    """The stored part of a key. `secret_hash` is hex SHA-256 of a 256-bit random secret."""

    id: str
    tenant: str
    scopes: frozenset[Scope]
    secret_hash: str
    created_at: float
    name: str | None = None
    expires_at: float | None = None
    revoked_at: float | None = None

    def allows(self, scope: Scope) -> bool:
        """Whether the key has the scope, directly or through `admin`."""
        return scope in self.scopes or Scope.ADMIN in self.scopes

    def active(self, now: float) -> bool:
        """Neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


def check_tenant(tenant: str) -> str:
    """Return the tenant's name.

    Raises:
        InvalidRequest: not 1 to 63 of a-z, 0-9, ``-`` and ``_``.
    """
    if not _TENANT.fullmatch(tenant):
        msg = "tenant must be 1 to 63 characters of a-z, 0-9, - and _, starting with a-z or 0-9"
        raise InvalidRequest(msg, field="tenant")
    return tenant


def generate_token() -> tuple[str, str, str]:
    """Return (key id, the whole token to show once, hash of its secret)."""
    key_id = "".join(secrets.choice(_ID_ALPHABET) for _ in range(12))
    secret = "".join(secrets.choice(_SECRET_ALPHABET) for _ in range(43))
    return key_id, f"tml_{key_id}_{secret}", hash_secret(secret)


def parse_token(token: str) -> tuple[str, str] | None:
    """Split a token into (key id, secret); None when it is not of a key's form."""
    match = _KEY.fullmatch(token)
    return (match[1], match[2]) if match else None


def hash_secret(secret: str) -> str:
    """Hex SHA-256. The secret has 256 random bits, so a slow hash would add nothing."""
    return hashlib.sha256(secret.encode()).hexdigest()


def matches(key: ApiKey, secret: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(key.secret_hash, hash_secret(secret))
