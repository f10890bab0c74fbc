"""Who calls, how often, and what they may: checked before a byte of the body is read."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from functions.api.strict_json import StrictRequest
from shared.domain.api_keys import ApiKey, Scope
from shared.domain.errors import RateLimited
from shared.ports.platform import Platform
from shared.ports.rate_limiter import RateDecision
from shared.services.manage_keys import authenticate, limit_rate, require_scope

SECURITY_SCHEMES = {
    "ApiKey": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "A key of the form `tml_<id>_<secret>`.",
    },
    "Bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "tml_<id>_<secret>",
        "description": "The same key as a bearer token.",
    },
}

_SCOPE = "x-required-scope"


def needs(scope: Scope | None) -> dict[str, Any]:
    """The `openapi_extra` of an operation that needs a key, and this scope unless it is None."""
    extra: dict[str, Any] = {"security": [{"ApiKey": []}, {"Bearer": []}]}
    return extra if scope is None else extra | {_SCOPE: str(scope)}


class SecuredRoute(APIRoute):
    """A route that `needs` a key. What the OpenAPI document says is what is enforced."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Admit the caller, parse the body strictly, then go on as ever."""
        extra = self.openapi_extra or {}
        if "security" not in extra:
            msg = f"{self.path} is a SecuredRoute and must say what it needs"
            raise RuntimeError(msg)
        scope = Scope(extra[_SCOPE]) if _SCOPE in extra else None
        takes_json = self.body_field is not None
        handle = super().get_route_handler()

        async def handle_admitted(request: Request) -> Response:
            await run_in_threadpool(_admit, request, scope)
            if not takes_json:
                return await handle(request)
            strict = StrictRequest(request.scope, request.receive)
            if await strict.body():
                await strict.json()
            return await handle(strict)

        return handle_admitted


def _admit(request: Request, scope: Scope | None) -> None:
    """Leave the key and the rate decision with the request, for endpoints, headers and the log."""
    platform: Platform = request.app.state.platform
    key = authenticate(platform, _token(request))
    request.state.caller = key
    try:
        request.state.rate = limit_rate(platform, key)
    except RateLimited as exc:
        request.state.rate = RateDecision(
            allowed=False, remaining=0, retry_after=exc.retry_after, reset_after=exc.retry_after
        )
        raise
    if scope is not None:
        require_scope(key, scope)


def _token(request: Request) -> str | None:
    given = request.headers.get("x-api-key")
    if given:
        return given.strip()
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else None


async def _caller(request: Request) -> ApiKey:
    caller: ApiKey = request.state.caller
    return caller


async def _platform(request: Request) -> Platform:
    platform: Platform = request.app.state.platform
    return platform


#: The admitted key. On a route that is not secured it fails instead of letting anybody in.
Caller = Annotated[ApiKey, Depends(_caller)]
PlatformOf = Annotated[Platform, Depends(_platform)]
