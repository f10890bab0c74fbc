"""Sending a large file in parts, as S3 has it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, BinaryIO
from xml.sax.saxutils import escape

import httpx

_TRIES = 4
_FIRST_WAIT_SECONDS = 0.5
_SERVER_ERROR = 500


def send_in_parts(http: httpx.Client, upload: Mapping[str, Any], file: BinaryIO) -> httpx.Response:
    """Send each part, then the request that makes them one object; returns its answer.

    A part that is refused is the answer. Whatever fails, the parts that were sent are given up.

    Raises:
        httpx.HTTPError: no answer, after some tries of the part.
    """
    parts = upload["parts"]
    try:
        etags = []
        for url in parts["urls"]:
            sent = _send(http, url, file.read(parts["part_bytes"]))
            if sent.is_error:
                return _given_up(http, parts, sent)
            etags.append(sent.headers["ETag"])
        answer = http.request(
            upload["method"], upload["url"], content=_document(etags), headers=upload["headers"]
        )
    except BaseException:
        _give_up(http, parts)
        raise
    # S3 begins its answer before it has put the parts together: 200 may carry an error.
    if answer.is_success and b"<Error>" in answer.content:
        answer = httpx.Response(_SERVER_ERROR, content=answer.content, request=answer.request)
    return _given_up(http, parts, answer) if answer.is_error else answer


def _send(http: httpx.Client, url: str, part: bytes) -> httpx.Response:
    for tried in range(_TRIES):
        last = tried == _TRIES - 1
        try:
            answer = http.put(url, content=part)
        except httpx.TransportError:
            if last:
                raise
        else:
            if last or not answer.is_server_error:
                return answer
        time.sleep(_FIRST_WAIT_SECONDS * 2**tried)
    raise AssertionError("the last try returns or raises")  # pragma: no cover


def _document(etags: list[str]) -> bytes:
    parts = "".join(
        f"<Part><PartNumber>{number}</PartNumber><ETag>{escape(etag)}</ETag></Part>"
        for number, etag in enumerate(etags, start=1)
    )
    return f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()


def _given_up(
    http: httpx.Client, parts: Mapping[str, Any], answer: httpx.Response
) -> httpx.Response:
    _give_up(http, parts)
    return answer


def _give_up(http: httpx.Client, parts: Mapping[str, Any]) -> None:
    with suppress(httpx.HTTPError):  # the bucket's own rule erases what is left
        http.delete(parts["abort_url"])
