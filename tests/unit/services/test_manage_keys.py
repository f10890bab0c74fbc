from __future__ import annotations

from dataclasses import replace

import pytest

from shared.domain.api_keys import Scope
from shared.domain.errors import Forbidden, InvalidRequest, NotFound, RateLimited, Unauthorized
from shared.ports.rate_limiter import RateRule
from shared.services.manage_keys import (
    authenticate,
    create_key,
    limit_rate,
    list_keys,
    require_scope,
    revoke_key,
)
from tests.support.world import World


def test_a_new_key_opens_the_door(world: World) -> None:
    new = create_key(world.platform, tenant="acme", name="ci")
    key = authenticate(world.platform, new.token)
    assert (key, key.tenant, key.name) == (new.key, "acme", "ci")
    assert key.scopes == {Scope.JOBS_WRITE, Scope.JOBS_READ, Scope.WEBHOOKS}


def test_no_file_of_the_deployment_holds_the_secret(world: World) -> None:
    new = create_key(world.platform, tenant="acme")
    authenticate(world.platform, new.token)
    secret = new.token.rsplit("_", 1)[1].encode()
    stored = b"".join(p.read_bytes() for p in world.data_dir.rglob("*") if p.is_file())
    assert new.key.id.encode() in stored
    assert secret not in stored
    assert new.key.secret_hash.encode() in stored


@pytest.mark.parametrize("token", [None, "", "nonsense", "tml_short_x", "Bearer x"])
def test_no_key_or_a_malformed_one_is_refused(world: World, token: str | None) -> None:
    with pytest.raises(Unauthorized):
        authenticate(world.platform, token)


def test_a_wrong_secret_and_an_unknown_key_answer_alike(world: World) -> None:
    new = create_key(world.platform, tenant="acme")
    other = create_key(world.platform, tenant="acme").token.rsplit("_", 1)[1]
    details = set()
    for token in (f"tml_{new.key.id}_{other}", f"tml_{'z' * 12}_{other}"):
        with pytest.raises(Unauthorized) as caught:
            authenticate(world.platform, token)
        details.add(caught.value.detail)
    assert len(details) == 1


def test_an_expired_key_is_refused(world: World) -> None:
    new = create_key(world.platform, tenant="acme", expires_in=60)
    world.clock.advance(59)
    authenticate(world.platform, new.token)
    world.clock.advance(1)
    with pytest.raises(Unauthorized):
        authenticate(world.platform, new.token)


def test_a_revoked_key_is_refused_and_stays_listed(world: World) -> None:
    new = create_key(world.platform, tenant="acme")
    revoke_key(world.platform, new.key.id, tenant="acme")
    with pytest.raises(Unauthorized):
        authenticate(world.platform, new.token)
    assert [key.revoked_at for key in list_keys(world.platform, tenant="acme")] == [
        world.clock.now()
    ]


@pytest.mark.parametrize("tenant", ["globex", "acme"])
def test_anothers_key_is_as_absent_as_an_unknown_one(world: World, tenant: str) -> None:
    new = create_key(world.platform, tenant="acme")
    key_id = new.key.id if tenant == "globex" else "z" * 12
    with pytest.raises(NotFound) as caught:
        revoke_key(world.platform, key_id, tenant=tenant)
    assert caught.value.code == "key_not_found"
    authenticate(world.platform, new.token)


def test_the_deployments_owner_revokes_any_key(world: World) -> None:
    new = create_key(world.platform, tenant="acme")
    assert revoke_key(world.platform, new.key.id).revoked_at is not None


def test_keys_are_listed_by_tenant_or_all(world: World) -> None:
    ours, theirs = (create_key(world.platform, tenant=t).key for t in ("acme", "globex"))
    assert list(list_keys(world.platform, tenant="acme")) == [ours]
    assert {key.id for key in list_keys(world.platform, tenant=None)} == {ours.id, theirs.id}


@pytest.mark.parametrize("tenant", ["", "Acme", "a/b", "-a", "a" * 64, "../x", "a\n"])
def test_a_tenants_name_is_checked(world: World, tenant: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        create_key(world.platform, tenant=tenant)
    assert caught.value.field == "tenant"


def test_a_key_needs_a_scope_a_short_name_and_a_future(world: World) -> None:
    with pytest.raises(InvalidRequest, match="scope"):
        create_key(world.platform, tenant="acme", scopes=frozenset())
    with pytest.raises(InvalidRequest, match="name"):
        create_key(world.platform, tenant="acme", name="n" * 101)
    with pytest.raises(InvalidRequest, match="expires_in"):
        create_key(world.platform, tenant="acme", expires_in=0)


def test_a_key_does_what_its_scopes_say_and_admin_everything(world: World) -> None:
    reader = create_key(world.platform, tenant="acme", scopes=frozenset({Scope.JOBS_READ})).key
    admin = create_key(world.platform, tenant="acme", scopes=frozenset({Scope.ADMIN})).key
    require_scope(reader, Scope.JOBS_READ)
    with pytest.raises(Forbidden):
        require_scope(reader, Scope.JOBS_WRITE)
    for scope in Scope:
        require_scope(admin, scope)


def test_too_many_requests_are_told_when_to_come_again(world: World) -> None:
    rule = RateRule(limit=60, window_seconds=60.0, burst=3)
    platform = replace(world.platform, limits=replace(world.platform.limits, rate=rule))
    key, other = (create_key(platform, tenant="acme").key for _ in range(2))
    for _ in range(3):
        limit_rate(platform, key)
    with pytest.raises(RateLimited) as caught:
        limit_rate(platform, key)
    assert caught.value.retry_after == pytest.approx(1.0)
    assert limit_rate(platform, other).allowed
    world.clock.advance(caught.value.retry_after)
    assert limit_rate(platform, key).allowed
