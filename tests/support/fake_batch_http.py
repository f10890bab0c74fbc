"""The fake Batch's protocol: REST with JSON, errors as AWS's ``rest-json`` writes them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from tests.support.fake_batch import FakeBatch

OPERATIONS = {
    "/v1/submitjob": "SubmitJob",
    "/v1/listjobs": "ListJobs",
    "/v1/describejobs": "DescribeJobs",
    "/v1/terminatejob": "TerminateJob",
    "/v1/registerjobdefinition": "RegisterJobDefinition",
}


class Refused(Exception):
    """An error of the service: its code, what it says, and the HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


#: What a fault answers instead of doing anything.
_INSTEAD = {
    "throttled": Refused("TooManyRequestsException", "Too Many Requests", 429),
    "broken": Refused("ServerException", "An internal error occurred.", 500),
}


class Handler(BaseHTTPRequestHandler):
    """Answers for `batch`; one request a connection, so that none is left open."""

    batch: ClassVar[FakeBatch]
    protocol_version = "HTTP/1.1"
    timeout = 10

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.close_connection = True
        try:
            operation = OPERATIONS.get(self.path)
            if operation is None:
                raise Refused("UnknownOperationException", self.path, 404)
            kind = _next_fault(self.batch, operation)
            if kind in _INSTEAD:
                raise _INSTEAD[kind]
            answer = self._answer(operation, body)
            if kind == "broken_after":
                raise _INSTEAD["broken"]
        except Refused as refused:
            self._send(refused.status, {"message": refused.message}, code=refused.code)
        else:
            self._send(200, answer, kind=kind)

    def _answer(self, operation: str, body: bytes) -> Mapping[str, Any]:
        if "/batch/aws4_request" not in self.headers.get("Authorization", ""):
            code = "MissingAuthenticationTokenException"
            raise Refused(code, "Missing Authentication Token", 403)
        answer: Mapping[str, Any] = getattr(self.batch, operation.lower())(
            json.loads(body or b"{}")
        )
        return answer

    def _send(
        self, status: int, document: Mapping[str, Any], *, code: str = "", kind: str = ""
    ) -> None:
        if kind == "dropped_after":
            return
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.send_header("x-amzn-RequestId", str(uuid.uuid4()))
        if code:
            self.send_header("x-amzn-ErrorType", code)
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if kind == "cut_after" else body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Say nothing."""


def make_handler(batch: FakeBatch) -> type[Handler]:
    """A handler class of this Batch."""
    return type("BatchHandler", (Handler,), {"batch": batch})


def _next_fault(batch: FakeBatch, operation: str) -> str:
    with batch.lock:
        batch.calls[operation] += 1
        for fault in batch.faults:
            if fault.operation == operation and fault.times > 0:
                fault.times -= 1
                return fault.kind
    return ""
