"""The delivery log, redelivery, test events and signing secrets of a tenant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Path, Query

from functions.api.openapi import SECURED, problems
from functions.api.present import delivery_out
from functions.api.schemas.webhooks import (
    DeliveryFilter,
    DeliveryList,
    DeliveryOut,
    SecretOut,
    TestRequest,
)
from functions.api.security import Caller, PlatformOf, SecuredRoute, needs
from shared.domain.api_keys import Scope
from shared.ports.delivery_store import DeliveryQuery
from shared.services import manage_webhooks

router = APIRouter(tags=["webhooks"], route_class=SecuredRoute)

_NEEDS = needs(Scope.WEBHOOKS)

DeliveryId = Annotated[
    str, Path(examples=["job_01jz0000000000000000000000_completed"], description="Event id.")
]


@router.get(
    "/api/v1/webhooks/deliveries",
    operation_id="list_deliveries",
    summary="The delivery log, newest first",
    responses=problems(*SECURED, 422),
    openapi_extra=_NEEDS,
)
def get_deliveries(
    wanted: Annotated[DeliveryFilter, Query()], platform: PlatformOf, caller: Caller
) -> DeliveryList:
    """Every event that was to be sent, with each attempt and its outcome."""
    page = manage_webhooks.list_deliveries(
        platform, DeliveryQuery(tenant=caller.tenant, **wanted.model_dump())
    )
    return DeliveryList(
        deliveries=[delivery_out(delivery) for delivery in page.deliveries], cursor=page.cursor
    )


@router.get(
    "/api/v1/webhooks/deliveries/{delivery_id}",
    operation_id="get_delivery",
    summary="One delivery and its attempts",
    responses=problems(*SECURED, 404),
    openapi_extra=_NEEDS,
)
def get_delivery(delivery_id: DeliveryId, platform: PlatformOf, caller: Caller) -> DeliveryOut:
    """What became of one event."""
    found = manage_webhooks.read_delivery(platform, tenant=caller.tenant, delivery_id=delivery_id)
    return delivery_out(found)


@router.post(
    "/api/v1/webhooks/deliveries/{delivery_id}/redeliver",
    operation_id="redeliver",
    summary="Send an event again",
    status_code=202,
    responses=problems(*SECURED, 404, 409),
    openapi_extra=_NEEDS,
)
def post_redeliver(delivery_id: DeliveryId, platform: PlatformOf, caller: Caller) -> DeliveryOut:
    """The schedule starts anew; a receiver that was switched off (410) is switched on."""
    again = manage_webhooks.redeliver_webhook(
        platform, tenant=caller.tenant, delivery_id=delivery_id
    )
    return delivery_out(again)


@router.post(
    "/api/v1/webhooks/test",
    operation_id="test_webhook",
    summary="Send a signed test event",
    status_code=202,
    responses=problems(*SECURED, 400, 413, 415, 422),
    openapi_extra=_NEEDS,
)
def post_test(body: TestRequest, platform: PlatformOf, caller: Caller) -> DeliveryOut:
    """Sent soon and at least once; GET the delivery to see what came of it."""
    sent = manage_webhooks.send_test(platform, tenant=caller.tenant, url=body.url, mode=body.mode)
    return delivery_out(sent)


@router.get(
    "/api/v1/webhooks/secret",
    operation_id="get_webhook_secret",
    summary="The secrets with which your webhooks are signed",
    responses=problems(*SECURED),
    openapi_extra=_NEEDS,
)
def get_secret(platform: PlatformOf, caller: Caller) -> SecretOut:
    """One is made the first time it is asked for, or needed."""
    return _secret(manage_webhooks.signing_secrets(platform, caller.tenant))


@router.post(
    "/api/v1/webhooks/secret/rotate",
    operation_id="rotate_webhook_secret",
    summary="Make a new signing secret",
    responses=problems(*SECURED),
    openapi_extra=_NEEDS,
)
def post_rotate(platform: PlatformOf, caller: Caller) -> SecretOut:
    """The secret before goes on signing beside it until the next rotation."""
    manage_webhooks.rotate_secret(platform, caller.tenant)
    return _secret(manage_webhooks.signing_secrets(platform, caller.tenant))


def _secret(newest_first: Sequence[str]) -> SecretOut:
    return SecretOut(secret=newest_first[0], previous=list(newest_first[1:]))
