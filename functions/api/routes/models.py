"""What may be asked for."""

from __future__ import annotations

from fastapi import APIRouter

from functions.api.openapi import SECURED, problems
from functions.api.schemas.service import ModelList, ModelOut
from functions.api.security import PlatformOf, SecuredRoute, needs
from shared.domain.model_policy import ModelPolicy
from shared.models.policy import chosen_for, offers
from shared.models.registry import ModelSpec, find_model, load_registry

router = APIRouter(tags=["models"], route_class=SecuredRoute)


@router.get(
    "/api/v1/models",
    operation_id="list_models",
    summary="Models that this deployment can run",
    responses=problems(*SECURED),
    openapi_extra=needs(None),
)
def list_models(platform: PlatformOf) -> ModelList:
    """Any valid key may ask."""
    policy = platform.limits.models
    default = find_model(policy.default).name
    found = [spec for spec in load_registry().values() if offers(policy, spec)]
    found.sort(key=lambda spec: (spec.name != default, spec.name))
    return ModelList(models=[_model(spec, policy) for spec in found])


def _model(spec: ModelSpec, policy: ModelPolicy) -> ModelOut:
    return ModelOut(
        name=spec.name,
        engine=spec.engine,
        title=spec.title,
        licence=spec.licence,
        languages=sorted(spec.languages),
        multilingual=spec.multilingual,
        can_translate=spec.can_translate,
        default=spec.name == find_model(policy.default).name,
        chosen_for=chosen_for(policy, spec.name),
        size_bytes=spec.size_bytes,
        aliases=list(spec.aliases),
    )
