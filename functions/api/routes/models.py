"""What may be asked for."""

from __future__ import annotations

from fastapi import APIRouter

from functions.api.openapi import SECURED, problems
from functions.api.schemas.service import ModelList, ModelOut
from functions.api.security import PlatformOf, SecuredRoute, needs
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
    default = find_model(platform.limits.default_model).name
    found = [spec for spec in load_registry().values() if spec.kind == "whisper"]
    found.sort(key=lambda spec: (spec.name != default, spec.name))
    return ModelList(models=[_model(spec, default=spec.name == default) for spec in found])


def _model(spec: ModelSpec, *, default: bool) -> ModelOut:
    return ModelOut(
        name=spec.name,
        engine=spec.engine,
        title=spec.title,
        licence=spec.licence,
        languages=sorted(spec.languages),
        multilingual=spec.multilingual,
        can_translate=spec.can_translate,
        default=default,
        size_bytes=spec.size_bytes,
        aliases=list(spec.aliases),
    )
