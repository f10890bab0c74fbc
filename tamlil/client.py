"""A client of the HTTP API, as far as the command line needs it."""

from __future__ import annotations

import mimetypes
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, Self

import httpx

from shared.domain.errors import InvalidRequest, TamlilError
from tamlil.upload_parts import send_in_parts

_TIMEOUT = httpx.Timeout(30.0, write=300.0, read=300.0)
_CHUNK_BYTES = 1 << 20
_TRIES = 4
_FIRST_WAIT_SECONDS = 0.5
#: What another try may mend: the server is busy, starting, or behind a proxy that is.
_PASSING = frozenset({429, 502, 503, 504})
#: Of these, where the server says itself that it did nothing.
_REFUSED = frozenset({429, 503})


class ServerError(TamlilError):
    """What a server answered, or that it did not; `code` is the problem document's."""

    default_code = "server_error"


class Refused(ServerError):
    """The server answered, and won't: asking again would not help."""


class ApiClient:
    """One server, one key. Safe requests, and submits with their key, are tried again."""

    def __init__(
        self, url: str, key: str | None, *, transport: httpx.BaseTransport | None = None
    ) -> None:
        headers = {"User-Agent": "tamlil-cli"} | ({"X-API-Key": key} if key else {})
        self.url = url.rstrip("/")
        self._http = httpx.Client(
            base_url=self.url, headers=headers, timeout=_TIMEOUT, transport=transport
        )
        # A signed URL is a credential by itself: the API key has no business there.
        self._plain = httpx.Client(timeout=_TIMEOUT, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()
        self._plain.close()

    def get(self, path: str, **params: Any) -> Any:
        """A GET's JSON; parameters that are None are left out.

        Raises:
            ServerError: the server said no, or did not answer.
        """
        return self._call("GET", path, params=_given(params)).json()

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """A POST's JSON answer; sent again only when the server did nothing, not to do it twice."""
        return self._call("POST", path, safe=False, json=body).json()

    def delete(self, path: str, **params: Any) -> None:
        """A DELETE, whatever it answers when it succeeds."""
        self._call("DELETE", path, params=_given(params))

    def content(self, path: str, **params: Any) -> bytes:
        """A GET's bytes; a redirect to a signed URL is followed without the key."""
        answer = self._call("GET", path, params=_given(params))
        if answer.is_redirect:
            answer = _checked(self._plain.get(answer.headers["location"]))
        return answer.content

    def segments(self, job_id: str, after: str | None) -> Any:
        """A job's finished segments behind a cursor, as a page."""
        return self.get(f"/api/v1/jobs/{job_id}/segments", after=after)

    def text(self, path: str, **params: Any) -> str:
        """A GET's text, in UTF-8."""
        return self.content(path, **params).decode()

    def submit_url(self, url: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Submit a URL for the server to fetch."""
        return self._submit({"url": url, **fields})

    def submit_file(self, path: Path, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Send a file through a signed upload, the door that knows no size limit of requests.

        Raises:
            OSError: the file can't be read.
            InvalidRequest: it is empty.
        """
        size = path.stat().st_size
        if size == 0:
            raise InvalidRequest("the file is empty (0 bytes)", code="empty_file")
        guessed = mimetypes.guess_type(path.name)[0] or ""
        # Tables call .ts a text and .wv nothing: what such a file holds is for the decoder to say.
        media_type = guessed if guessed.startswith(("audio/", "video/")) else None
        wanted = {"size_bytes": size, "content_type": media_type, "filename": path.name}
        upload = self.post("/api/v1/uploads", _given(wanted))
        with path.open("rb") as file:
            self._send(upload, file, size)
        source = {"upload_id": upload["upload_id"], "filename": path.name}
        return self._submit({**source, **fields})

    def _submit(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """One key for all tries: an answer that got lost on the way makes no second job."""
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        answer = self._call("POST", "/api/v1/transcribe", json=body, headers=headers).json()
        return dict(answer)

    def _send(self, upload: Mapping[str, Any], file: BinaryIO, size: int) -> None:
        """Exactly as the server says: a plain PUT, a form as S3 has it, or in parts."""
        method, url, fields = upload["method"], upload["url"], upload["fields"]
        try:
            if upload.get("parts"):
                answer = send_in_parts(self._plain, upload, file)
            elif fields:
                answer = self._plain.request(method, url, data=fields, files={"file": file})
            else:
                headers = {**upload["headers"], "Content-Length": str(size)}
                chunks = iter(lambda: file.read(_CHUNK_BYTES), b"")
                answer = self._plain.request(method, url, content=chunks, headers=headers)
        except httpx.HTTPError as exc:
            raise _unreachable(str(httpx.URL(url).copy_with(query=None)), exc) from exc
        _checked(answer)

    def _call(self, method: str, path: str, *, safe: bool = True, **parts: Any) -> httpx.Response:
        """`safe`: another try does no harm, whatever became of the one before."""
        passing = _PASSING if safe else _REFUSED
        for attempt in range(1, _TRIES + 1):
            wait = _FIRST_WAIT_SECONDS * 2 ** (attempt - 1)
            last = attempt == _TRIES
            try:
                answer = self._http.request(method, path, **parts)
            except httpx.HTTPError as exc:
                if last or not safe or not _may_pass(exc):
                    raise _unreachable(self.url, exc) from exc
            else:
                if last or answer.status_code not in passing:
                    return _checked(answer)
                wait = max(wait, _retry_after(answer))
            time.sleep(wait)
        raise AssertionError("the last try returns or raises")  # pragma: no cover


def _may_pass(exc: httpx.HTTPError) -> bool:
    """A connection that broke may hold next time; a server that is not there won't appear."""
    return isinstance(exc, httpx.TransportError) and not isinstance(exc, httpx.ConnectError)


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _retry_after(answer: httpx.Response) -> float:
    """Seconds that the server asks for, at most half a minute."""
    value = answer.headers.get("retry-after", "")
    return min(float(value), 30.0) if value.isascii() and value.isdigit() else 0.0


def _checked(answer: httpx.Response) -> httpx.Response:
    if not answer.is_error:
        return answer
    try:
        problem = answer.json()
        detail, code = str(problem["detail"]), str(problem["code"])
    except (ValueError, KeyError, TypeError):
        detail, code = f"the server answered {answer.status_code}", f"http_{answer.status_code}"
    raise (Refused if answer.is_client_error else ServerError)(detail, code=code)


def _unreachable(url: str, exc: httpx.HTTPError) -> ServerError:
    return ServerError(
        f"no answer from {url}: {str(exc) or type(exc).__name__}", code="server_unreachable"
    )
