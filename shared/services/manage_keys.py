"""Making, listing, revoking and checking API keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.domain.api_keys import (
    DEFAULT_SCOPES,
    ApiKey,
    Scope,
    check_tenant,
    generate_token,
    matches,
    parse_token,
)
from shared.domain.errors import Forbidden, InvalidRequest, NotFound, RateLimited, Unauthorized
from shared.ports.platform import Platform
from shared.ports.rate_limiter import RateDecision

_LONGEST_NAME = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class NewKey:
    """`token` is shown once and never stored."""

    key: ApiKey
    token: str


def create_key(
    platform: Platform,
    *,
    tenant: str,
    scopes: frozenset[Scope] = DEFAULT_SCOPES,
    name: str | None = None,
    expires_in: float | None = None,
) -> NewKey:
    """Make a key for a tenant.

    Raises:
        InvalidRequest: the tenant's or the key's name, the scopes or the expiry are not right.
    """
    check_tenant(tenant)
    if not scopes:
        raise InvalidRequest("a key needs at least one scope", field="scopes")
    if name is not None and len(name) > _LONGEST_NAME:
        raise InvalidRequest(f"name is longer than {_LONGEST_NAME} characters", field="name")
    if expires_in is not None and expires_in <= 0:
        raise InvalidRequest("expires_in must be more than 0 seconds", field="expires_in")
    key_id, token, secret_hash = generate_token()
    now = platform.clock.now()
    key = ApiKey(
        id=key_id,
        tenant=tenant,
        scopes=scopes,
        secret_hash=secret_hash,
        created_at=now,
        name=name,
        expires_at=None if expires_in is None else now + expires_in,
    )
    platform.keys.add(key)
    return NewKey(key=key, token=token)


def list_keys(platform: Platform, *, tenant: str | None) -> Sequence[ApiKey]:
    """A tenant's keys, or all of the deployment's."""
    return platform.keys.list(tenant)


def revoke_key(platform: Platform, key_id: str, *, tenant: str | None = None) -> ApiKey:
    """Revoke a key; with `tenant`, only one of that tenant's.

    Raises:
        NotFound: no such key, or another tenant's.
    """
    key = platform.keys.get(key_id)
    if key is None or (tenant is not None and key.tenant != tenant):
        raise NotFound(f"no key {key_id[:64]!r}", code="key_not_found")
    return platform.keys.revoke(key_id, now=platform.clock.now())


def authenticate(platform: Platform, token: str | None) -> ApiKey:
    """Return the key that this token is.

    Raises:
        Unauthorized: none given, malformed, unknown, revoked or expired; which one is not told.
    """
    if not token:
        raise Unauthorized("an API key is needed: X-API-Key, or Authorization: Bearer")
    parsed = parse_token(token)
    key = platform.keys.get(parsed[0]) if parsed else None
    right = key is not None and parsed is not None and matches(key, parsed[1])
    if key is None or not right or not key.active(platform.clock.now()):
        raise Unauthorized("the API key is not valid")
    return key


def require_scope(key: ApiKey, scope: Scope) -> None:
    """Check one right.

    Raises:
        Forbidden: the key lacks the scope.
    """
    if not key.allows(scope):
        raise Forbidden(f"this needs a key with the scope {scope}")


def limit_rate(platform: Platform, key: ApiKey) -> RateDecision:
    """Count one request of a key.

    Raises:
        RateLimited: too many; says how long to wait.
    """
    rule = platform.limits.rate
    decision = platform.limiter.hit(f"key/{key.id}", rule, now=platform.clock.now())
    if not decision.allowed:
        raise RateLimited(
            f"more than {rule.limit} requests in {rule.window_seconds:g} seconds"
            f" (bursts of {rule.burst}); try again in {decision.retry_after:.1f} seconds",
            retry_after=decision.retry_after,
        )
    return decision
