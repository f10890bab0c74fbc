"""What a bucket answers in the cloud: the signed URLs of the embedded blob store.

``GET`` and ``HEAD /blobs/<key>`` read, one byte range included (RFC 9110, section 14);
``PUT /blobs/<key>`` stores, as much and as what the signature grants. Errors are the API's.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote

import anyio
import anyio.from_thread
import anyio.to_thread
from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from starlette.requests import ClientDisconnect

from functions.api.errors import install
from functions.intake.handle import Arrival, handle
from functions.local.blob_middleware import add_middleware
from shared.adapters.local.signed_urls import UploadGrant, UrlSigner
from shared.domain.errors import InvalidRequest, LimitExceeded
from shared.ports.blob_store import BlobInfo
from shared.ports.platform import Platform
from shared.services.upload_object import receive_upload

_CHUNK_BYTES = 1 << 20
#: No object is so large that more digits would be needed; Python refuses to read thousands.
_RANGE = re.compile(r"bytes=([0-9]{0,19})-([0-9]{0,19})")
_MOST_UPLOADS = 64
#: A client that sends nothing for so long (seconds) is gone, or keeps a place from others.
_SILENCE_SECONDS = 60.0
_ANY_TYPE = "application/octet-stream"


@dataclass(frozen=True, kw_only=True, slots=True)
class ByteRange:
    """Bytes `start` up to, not including, `end`."""

    start: int
    end: int


def create_blob_app(
    platform: Platform, signer: UrlSigner, *, cors_origins: Sequence[str] = ()
) -> FastAPI:
    """An application of its own, as a bucket is: the API's body limit does not bind it.

    Pages of `cors_origins` may upload to it and read from it, as they may call the API.
    """
    app = FastAPI(openapi_url=None)
    install(app)
    add_middleware(app, rate=platform.limits.rate, cors_origins=cors_origins)
    # An upload holds its thread for as long as its client takes. Of the threads that all other
    # requests share, a few slow clients would leave none.
    uploads = anyio.CapacityLimiter(_MOST_UPLOADS)

    @app.api_route("/blobs/{key:path}", methods=["GET", "HEAD"])
    def read_blob(key: str, request: Request) -> Response:
        grant = signer.verify_download(key, request.query_params)
        info = platform.blobs.stat(key)
        return _answer(platform, info, request, grant.filename)

    @app.put("/blobs/{key:path}")
    async def write_blob(key: str, request: Request) -> Response:
        grant = signer.verify_upload(key, request.query_params)
        announced = _check_headers(grant, request)
        body = request.stream()
        info = await anyio.to_thread.run_sync(
            lambda: _store(platform, grant, body, announced), limiter=uploads
        )
        return Response(status_code=200, headers={"ETag": _etag(info)})

    return app


def parse_range(header: str | None, size: int) -> ByteRange | None:
    """The range that a ``Range`` header asks for; None when the whole is to be sent.

    A header that is malformed, or that names several ranges, may be ignored, and is.

    Raises:
        InvalidRequest: code ``range_not_satisfiable``: it begins behind the end.
    """
    match = _RANGE.fullmatch(header.strip()) if header else None
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:  # the last so many bytes
        found = ByteRange(start=max(0, size - int(match[2])), end=size)
    elif match[2] and int(match[2]) < int(match[1]):
        return None
    else:
        last = int(match[2]) if match[2] else size - 1
        found = ByteRange(start=int(match[1]), end=min(last + 1, size))
    if found.start >= found.end:
        raise InvalidRequest(f"the object has {size} bytes", code="range_not_satisfiable")
    return found


def _answer(platform: Platform, info: BlobInfo, request: Request, filename: str | None) -> Response:
    headers = {"Accept-Ranges": "bytes", "ETag": _etag(info), "X-Content-Type-Options": "nosniff"}
    if filename is not None:
        headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(filename)}"
    media_type = info.content_type or _ANY_TYPE
    try:
        part = parse_range(request.headers.get("range"), info.size_bytes)
    except InvalidRequest:
        headers["Content-Range"] = f"bytes */{info.size_bytes}"
        return Response(status_code=416, headers=headers)
    status = 200
    if part is None:
        part = ByteRange(start=0, end=info.size_bytes)
    else:
        status = 206
        headers["Content-Range"] = f"bytes {part.start}-{part.end - 1}/{info.size_bytes}"
    headers["Content-Length"] = str(part.end - part.start)
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers, media_type=media_type)
    body = _bytes(platform, info.key, part)
    return StreamingResponse(body, status_code=status, headers=headers, media_type=media_type)


def _bytes(platform: Platform, key: str, part: ByteRange) -> Iterator[bytes]:
    """The port reads from the start; what lies before the range is read and dropped."""
    position = 0
    for chunk in platform.blobs.stream(key, chunk_bytes=_CHUNK_BYTES):
        wanted = chunk[max(0, part.start - position) : max(0, part.end - position)]
        position += len(chunk)
        if wanted:
            yield wanted
        if position >= part.end:
            return


def _check_headers(grant: UploadGrant, request: Request) -> int | None:
    """Hold the request to its grant; returns the length that it announces, if it does."""
    given = request.headers.get("content-type")
    if grant.content_type is not None and given != grant.content_type:
        raise InvalidRequest(
            f"this upload was signed for Content-Type {grant.content_type}",
            code="content_type_mismatch",
            field="Content-Type",
        )
    length = request.headers.get("content-length", "")
    announced = int(length) if length.isdigit() else None
    if announced is not None and announced > grant.max_bytes:
        raise _too_large(grant.max_bytes)
    return announced


def _store(
    platform: Platform, grant: UploadGrant, body: AsyncIterator[bytes], announced: int | None
) -> BlobInfo:
    info = receive_upload(
        platform,
        grant.key,
        _counted(body, grant.max_bytes),
        content_type=grant.content_type,
        size_bytes=announced,
    )
    handle(platform, Arrival(key=grant.key))
    return info


def _counted(body: AsyncIterator[bytes], max_bytes: int) -> Iterator[bytes]:
    """The body as it comes, pulled from a worker thread; a chunked one announces no length."""
    size = 0
    while chunk := anyio.from_thread.run(_next, body):
        size += len(chunk)
        if size > max_bytes:
            raise _too_large(max_bytes)
        yield chunk
    if size == 0:
        raise InvalidRequest("the upload is empty (0 bytes)", code="empty_file")


async def _next(body: AsyncIterator[bytes]) -> bytes:
    try:
        with anyio.fail_after(_SILENCE_SECONDS):
            return await anext(body, b"")
    except TimeoutError as exc:
        raise InvalidRequest(
            f"nothing came for {_SILENCE_SECONDS:g} seconds", code="upload_too_slow"
        ) from exc
    except ClientDisconnect as exc:
        # Nobody reads the answer; without one the server would log a fault that is none.
        raise InvalidRequest("the body was cut off", code="client_disconnected") from exc


def _too_large(max_bytes: int) -> LimitExceeded:
    return LimitExceeded(
        f"the upload is larger than the {max_bytes} bytes it was signed for",
        code="payload_too_large",
    )


def _etag(info: BlobInfo) -> str:
    return f'"{info.version}"'
