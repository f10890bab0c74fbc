"""API keys. An admin manages its own tenant's; the operator's admins manage everybody's."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from functions.api.openapi import SECURED, problems
from functions.api.present import key_fields, key_out
from functions.api.schemas.keys import KeyCreated, KeyList, KeyOut, KeyRequest, TenantName
from functions.api.security import Caller, PlatformOf, SecuredRoute, needs
from shared.domain.api_keys import ApiKey, Scope
from shared.domain.errors import Forbidden
from shared.services.manage_keys import create_key, list_keys, revoke_key

router = APIRouter(tags=["keys"], route_class=SecuredRoute)

#: The tenant that runs the deployment; its first key is made by the command line.
OPERATOR_TENANT = "operator"


@router.post(
    "/api/v1/keys",
    operation_id="create_key",
    summary="Make a key",
    status_code=201,
    responses=problems(*SECURED, 400, 413, 415, 422),
    openapi_extra=needs(Scope.ADMIN),
)
def post_key(body: KeyRequest, platform: PlatformOf, caller: Caller) -> KeyCreated:
    """The answer is the only place where the whole key is ever shown."""
    made = create_key(
        platform,
        tenant=_tenant(caller, body.tenant),
        scopes=frozenset(body.scopes),
        name=body.name,
        expires_in=body.expires_in,
    )
    return KeyCreated.model_validate(key_fields(made.key) | {"token": made.token})


@router.get(
    "/api/v1/keys",
    operation_id="list_keys",
    summary="Keys, without their secrets",
    responses=problems(*SECURED, 422),
    openapi_extra=needs(Scope.ADMIN),
)
def get_keys(
    platform: PlatformOf,
    caller: Caller,
    tenant: Annotated[
        TenantName | None,
        Query(description="Null is your own; the operator may name any tenant."),
    ] = None,
) -> KeyList:
    """Oldest first, revoked and expired ones included."""
    found = list_keys(platform, tenant=_tenant(caller, tenant))
    return KeyList(keys=[key_out(key) for key in found])


@router.delete(
    "/api/v1/keys/{key_id}",
    operation_id="revoke_key",
    summary="Revoke a key",
    responses=problems(*SECURED, 404),
    openapi_extra=needs(Scope.ADMIN),
)
def delete_key(
    key_id: Annotated[str, Path(examples=["ab12cd34ef56"])], platform: PlatformOf, caller: Caller
) -> KeyOut:
    """From the next request on it is not accepted. Doing it twice changes nothing."""
    own_only = None if caller.tenant == OPERATOR_TENANT else caller.tenant
    return key_out(revoke_key(platform, key_id, tenant=own_only))


def _tenant(caller: ApiKey, asked: str | None) -> str:
    """Whose keys are meant.

    Raises:
        Forbidden: another tenant's, and the caller is not the operator.
    """
    if asked is None or asked == caller.tenant:
        return caller.tenant
    if caller.tenant != OPERATOR_TENANT:
        raise Forbidden(
            f"keys of other tenants are managed with a key of the tenant {OPERATOR_TENANT!r}"
        )
    return asked
