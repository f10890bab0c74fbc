"""What the OpenAPI document says beside what FastAPI derives."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from functions.api.errors import PROBLEM_MEDIA_TYPE
from functions.api.routes.sections import PATHS, Sections
from functions.api.schemas.problem import Problem
from functions.api.security import SECURITY_SCHEMES

_REF = "#/components/schemas/{model}"

_MEANINGS = {
    400: "The body is not JSON, or not a readable form.",
    401: "No API key, or one that is unknown, revoked or expired.",
    403: "The key lacks the scope.",
    404: "Absent, or another tenant's: the caller can't tell which.",
    409: "The state does not allow it, or an Idempotency-Key was used for another request.",
    410: "The upload was erased with its job.",
    413: "Larger than the limit that the detail names.",
    415: "Not a content type that is read here.",
    422: "A field can't be accepted; `field` and `errors` say which and why.",
    429: "Too many requests; Retry-After says how long to wait.",
    500: "A fault of ours, logged under the request id.",
    501: "This deployment can't stream; `detail` names what to use instead.",
    503: "A store or queue did not answer; Retry-After says when to try again.",
}
#: What every operation with a key may answer.
SECURED = (401, 403, 429, 500, 503)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of an operation that may answer with these problems."""
    schema = {"$ref": _REF.format(model="Problem")}
    return {
        status: {
            "description": _MEANINGS[status],
            "content": {PROBLEM_MEDIA_TYPE: {"schema": schema}},
        }
        for status in sorted(statuses)
    }


class TamlilApi(FastAPI):
    """FastAPI with the problem schema and the security schemes in its document.

    `sections` are the routes; a request has those of its path included, the document all, and what
    they add to it that takes long to make.
    """

    sections: Sections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] == "http":
            self.sections.need(scope["path"])
        await super().__call__(scope, receive, send)

    def openapi(self) -> dict[str, Any]:
        """The document, made once."""
        if self.openapi_schema is None:
            self.sections.need_all()
            document = super().openapi()
            components = document.setdefault("components", {})
            components["securitySchemes"] = SECURITY_SCHEMES
            schema = Problem.model_json_schema(ref_template=_REF)
            components["schemas"] |= schema.pop("$defs", {}) | {"Problem": schema}
            for unused in ("HTTPValidationError", "ValidationError"):
                components["schemas"].pop(unused, None)
            _drop_impossible(document)
            for describe in self.sections.describers:
                describe(document)
            document["paths"] = dict(sorted(document["paths"].items(), key=_position))
        return super().openapi()


def _position(path: tuple[str, Any]) -> int:
    """Whichever was included first: the document lists the sections in their own order."""
    own = (number for number, one in enumerate(PATHS.values()) if one.fullmatch(path[0]))
    return next(own, len(PATHS))


def _drop_impossible(document: dict[str, Any]) -> None:
    """FastAPI adds its own 422 wherever there is a parameter, even one that takes any text."""
    for methods in document["paths"].values():
        for operation in methods.values():
            content = operation["responses"].get("422", {}).get("content", {})
            if "application/json" in content:
                del operation["responses"]["422"]
