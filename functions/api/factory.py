"""Puts the API together."""

from __future__ import annotations

from importlib.metadata import version
from typing import Protocol

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from functions.api import errors
from functions.api.middleware.body_limit import BodyLimit
from functions.api.middleware.faults import Faults
from functions.api.middleware.request_context import RequestContext
from functions.api.openapi import TamlilApi
from functions.api.pace import Pace
from functions.api.routes.sections import Sections
from functions.api.watchers import Watchers
from shared.ports.platform import Platform

#: What a form adds to its file: boundaries, part headers, option fields (bytes).
_FORM_OVERHEAD_BYTES = 1 << 20
_UPLOAD_PATH = "/api/v1/transcribe/upload"

_DESCRIPTION = """\
Self-hosted transcription: submit audio, ask for the job or be told by a signed webhook, fetch the
transcript in the format you need. Authenticate with `X-API-Key` or `Authorization: Bearer`.
Errors are problem documents (RFC 9457)."""

_TAGS = [
    {"name": "transcribe", "description": "Submit audio."},
    {"name": "jobs", "description": "Follow, list, cancel and erase jobs; fetch transcripts."},
    {"name": "webhooks", "description": "Delivery log, redelivery, test events, secrets."},
    {"name": "models", "description": "What may be asked for."},
    {"name": "keys", "description": "API keys; needs the scope admin."},
    {"name": "service", "description": "Health, readiness, metrics."},
]


class ApiSettings(Protocol):
    """What of a deployment's settings concerns the API alone."""

    @property
    def cors_origins(self) -> tuple[str, ...]:
        """Origins whose pages may call it."""
        ...

    @property
    def max_body_bytes(self) -> int:
        """The largest body but for a form with a file."""
        ...

    @property
    def metrics_public(self) -> bool:
        """Whether metrics need no key."""
        ...


def create_app(platform: Platform, settings: ApiSettings, *, lazily: bool = False) -> TamlilApi:
    """The ASGI application over this platform; `lazily` makes routes when they are first needed."""
    app = TamlilApi(
        title="Tamlil",
        version=version("tamlil"),
        description=_DESCRIPTION,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        openapi_tags=_TAGS,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.platform = platform
    app.state.watchers = Watchers()
    app.state.pace = Pace()
    errors.install(app)
    metrics = "public" if settings.metrics_public else "secured"
    app.sections = Sections(app.include_router, router={"metrics": metrics})
    if not lazily:
        app.sections.need_all()
    _add_middleware(app, platform, settings)
    return app


def _add_middleware(app: FastAPI, platform: Platform, settings: ApiSettings) -> None:
    """The last one added is the outermost."""
    form_bytes = platform.limits.max_multipart_bytes + _FORM_OVERHEAD_BYTES
    app.add_middleware(
        BodyLimit,
        limit=settings.max_body_bytes,
        by_path={_UPLOAD_PATH: form_bytes},
    )
    app.add_middleware(Faults)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "HEAD", "POST", "DELETE"],
            allow_headers=[
                "Authorization",
                "Content-Type",
                "Idempotency-Key",
                "Last-Event-ID",
                "X-API-Key",
                "X-Request-ID",
            ],
            expose_headers=[
                "Content-Disposition",
                "Idempotent-Replay",
                "Location",
                "RateLimit-Limit",
                "RateLimit-Policy",
                "RateLimit-Remaining",
                "RateLimit-Reset",
                "Retry-After",
                "X-Request-ID",
            ],
        )
    app.add_middleware(RequestContext, rate=platform.limits.rate)
