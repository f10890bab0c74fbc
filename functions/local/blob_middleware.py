"""Around the signed URLs as around the API: request ids and log, faults, browsers."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from functions.api.middleware.faults import Faults
from functions.api.middleware.request_context import RequestContext
from shared.ports.rate_limiter import RateRule


def add_middleware(app: FastAPI, *, rate: RateRule, cors_origins: Sequence[str]) -> None:
    """Pages of `cors_origins` may upload and read. The last one added is the outermost."""
    app.add_middleware(Faults)
    if cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=cors_origins,
            allow_methods=["GET", "HEAD", "PUT"],
            allow_headers=["Content-Type", "Range", "X-Request-ID"],
            expose_headers=[
                "Accept-Ranges",
                "Content-Disposition",
                "Content-Range",
                "ETag",
                "X-Request-ID",
            ],
        )
    app.add_middleware(RequestContext, rate=rate, own_head=True)
