"""The one table from errors to HTTP statuses, and problem documents (RFC 9457).

A problem carries ``type, title, status, detail, code, request_id`` and, where the caller can mend
something, ``field`` or ``errors[]``. It never repeats what the caller sent: that may be a secret,
or megabytes long.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from functions.schemas.described import described
from shared.domain import errors

PROBLEM_MEDIA_TYPE = "application/problem+json"

#: Seconds after which asking again makes sense when a store or queue did not answer.
_UNAVAILABLE_RETRY_SECONDS = 5

_MOST_ERRORS = 20
_LONGEST_DETAIL = 500
_NOT_ALLOWED = 405

#: By code first, where a class covers more than one status.
_BY_CODE = {
    "invalid_json": 400,
    "invalid_multipart": 400,
    "client_disconnected": 400,
    "upload_too_slow": 408,
    "upload_erased": 410,
    "payload_too_large": 413,
    "unsupported_media_type": 415,
    "streaming_unsupported": 501,
}

#: Then by class, the nearest in the method resolution order.
_BY_CLASS: dict[type[errors.TamlilError], int] = {
    errors.InvalidRequest: 422,
    errors.UrlRefused: 422,
    errors.Unauthorized: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.RateLimited: 429,
    errors.Unavailable: 503,
    errors.ModelUnavailable: 503,
    errors.TamlilError: 500,
}

_HTTP_CODES = {404: "not_found", 405: "method_not_allowed", 413: "payload_too_large"}


def status_of(error: errors.TamlilError) -> int:
    """The HTTP status of an error."""
    if error.code in _BY_CODE:
        return _BY_CODE[error.code]
    known = (cls for cls in type(error).__mro__ if cls in _BY_CLASS)
    return _BY_CLASS[next(known)]


def problem(
    request: Request,
    status: int,
    *,
    code: str,
    detail: str,
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> Response:
    """A problem document as a response; `more` are further members, None ones are left out."""
    body = {
        "type": f"urn:tamlil:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail[:_LONGEST_DETAIL],
        "code": code,
        "request_id": getattr(request.state, "request_id", None),
    } | {name: value for name, value in more.items() if value is not None}
    # A lone surrogate in a detail must not turn a 4xx into a 500.
    content = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
    return Response(content, status, headers, media_type=PROBLEM_MEDIA_TYPE)


def error_response(request: Request, error: errors.TamlilError) -> Response:
    """The problem document of one of our own errors."""
    return problem(
        request,
        status_of(error),
        code=error.code,
        detail=error.detail,
        field=error.field,
        headers=_headers(error),
    )


def fault_response(request: Request) -> Response:
    """What a caller learns of a fault of ours: where to look it up, and nothing else."""
    detail = "something went wrong here; the log has the details under this request id"
    return problem(request, 500, code="internal_error", detail=detail)


def install(app: FastAPI) -> None:
    """Answer every error that reaches the framework with a problem document."""
    app.add_exception_handler(errors.TamlilError, _on_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)


def _headers(error: errors.TamlilError) -> dict[str, str]:
    if isinstance(error, errors.RateLimited):
        return {"Retry-After": str(max(1, math.ceil(error.retry_after)))}
    if isinstance(error, errors.Unauthorized):
        return {"WWW-Authenticate": 'Bearer realm="tamlil"'}
    if isinstance(error, errors.Unavailable):
        return {"Retry-After": str(_UNAVAILABLE_RETRY_SECONDS)}
    return {}


def _on_error(request: Request, exc: Exception) -> Response:
    if not isinstance(exc, errors.TamlilError):
        raise exc
    return error_response(request, exc)


def _on_invalid(request: Request, exc: Exception) -> Response:
    if not isinstance(exc, RequestValidationError):
        raise exc
    found = described(exc.errors())
    rest = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return problem(
        request,
        422,
        code="invalid_request",
        detail=f"{found[0]['field']}: {found[0]['message']}{rest}",
        field=found[0]["field"],
        errors=found[:_MOST_ERRORS],
    )


def _on_http(request: Request, exc: Exception) -> Response:
    """404 and 405 of the router, and what the framework refuses by itself."""
    if not isinstance(exc, HTTPException):
        raise exc
    status = exc.status_code
    detail = {404: "there is nothing at this path", 405: "this path does not know this method"}
    return problem(
        request,
        status,
        code=_HTTP_CODES.get(status, "bad_request"),
        detail=detail.get(status, exc.detail),
        headers=_allowed(request) if status == _NOT_ALLOWED else exc.headers,
    )


def _allowed(request: Request) -> dict[str, str]:
    """All methods of the path: the router names those of the first route that fits it."""
    path = getattr(request.scope.get("route"), "path", "")
    methods = {name.upper() for name in request.app.openapi()["paths"].get(path, {})}
    return {"Allow": ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))}
