"""No answer is read before all of it has come.

botocore does not compare an answer's length with its Content-Length, and reads JSON that was cut as
an answer without fields: "no such item", "no messages". Here such an answer is a server error, so
that the request is made again, or fails. (Bodies that are streamed are counted by their reader.)
"""

from __future__ import annotations

from typing import Any

_SERVER_ERROR = 500
#: An answer of this kind names the length of a body that it does not have.
_NOT_MODIFIED = 304


def require_whole_answers(client: Any) -> None:
    """Have this client check its answers; the way in which botocore treats S3's late errors."""
    service = client.meta.service_model.service_id.hyphenize()
    client.meta.events.register("before-parse", _turn_cut_into_error)
    # So exact a name because handlers of a shorter one, as the retries' is, are called later.
    client.meta.events.register_first(f"needs-retry.{service}.*", _tell_who_retries)


def _turn_cut_into_error(operation_model: Any, response_dict: dict[str, Any], **_: Any) -> None:
    body, announced = response_dict["body"], response_dict["headers"].get("Content-Length")
    if (
        not isinstance(body, bytes)
        or announced is None
        or operation_model.http.get("method") == "HEAD"
        or response_dict["status_code"] == _NOT_MODIFIED
    ):
        return
    if announced.isdecimal() and len(body) < int(announced):
        response_dict["status_code"] = _SERVER_ERROR
        response_dict["body"] = b""


def _tell_who_retries(response: tuple[Any, dict[str, Any]] | None, **_: Any) -> None:
    """The rules for retries look at the status that came, not at what was made of it."""
    if response is not None:
        answer, parsed = response
        made = parsed.get("ResponseMetadata", {}).get("HTTPStatusCode")
        if made == _SERVER_ERROR:
            answer.status_code = made
