"""Downloading a caller's URL to a file, within limits of size and time.

Faults are told apart by whose they are: the caller's (SourceError, never retried) or the network's
and the server's of the moment (WorkerError, retried). Details show a URL's host and path only: the
query of a signed URL is a credential.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from pathlib import Path, PurePosixPath

import httpx

from shared.domain.errors import SourceError, UrlRefused, WorkerError
from shared.webhooks.time_limit import DeadlinePassed, never, time_limit
from shared.webhooks.url_guard import NameNotResolved
from shared.webhooks.url_policy import display_url

_RETRYABLE_STATUSES = frozenset({408, 425, 429})
_SERVER_ERRORS = range(500, 600)
#: 203 is a whole file that a proxy has touched; 206 to a plain GET is a part that nobody asked for.
_WHOLE_FILE = frozenset({200, 203})
_PART_OF_FILE = 206
_CHUNK_BYTES = 65_536
_UNSAFE_IN_NAMES = re.compile(r"[\x00-\x1f\x7f/\\]+")
_LONGEST_NAME = 200  # characters; file systems take 255 bytes

Progress = Callable[[int, int | None], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Downloaded:
    """What came: bytes on disk, and what the server said about them.

    `filename` is a bare name without folders, from Content-Disposition or else the URL's path.
    """

    size_bytes: int
    content_type: str | None
    filename: str | None
    sha256: str


def download(
    url: str,
    target: Path,
    *,
    client: httpx.Client,
    max_bytes: int,
    deadline_seconds: float,
    on_progress: Progress | None = None,
    should_stop: Callable[[], bool] = never,
) -> Downloaded:
    """Stream `url` into `target` through a guarded client; nothing is left behind on failure.

    `on_progress` gets the bytes done and the total, None where the server names none.

    Raises:
        SourceError: ``url_refused``, ``url_unresolvable``, ``url_redirects``, ``url_http_error``,
            ``url_encoded``, ``source_too_large``, ``empty_file``.
        WorkerError: ``url_unreachable``, ``url_unavailable``, ``url_incomplete``, ``url_too_slow``.
        Stopped: `should_stop` said so.
    """
    try:
        with (
            _named_faults(url, client, deadline_seconds),
            time_limit(deadline_seconds, should_stop),
            client.stream("GET", url, headers={"Accept-Encoding": "identity"}) as response,
        ):
            total = _accepted_length(response, max_bytes)
            size, digest = _save(
                response, target, total=total, max_bytes=max_bytes, on_progress=on_progress
            )
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return Downloaded(
        size_bytes=size,
        content_type=response.headers.get("Content-Type"),
        filename=_filename(response),
        sha256=digest,
    )


def _accepted_length(response: httpx.Response, max_bytes: int) -> int | None:
    """Judge status and headers; return the announced length in bytes."""
    status, shown = response.status_code, display_url(response.url)
    if status in _RETRYABLE_STATUSES or status in _SERVER_ERRORS:
        msg = f"{shown} answered with HTTP status {status}"
        raise WorkerError(msg, code="url_unavailable", field="url")
    if status not in _WHOLE_FILE:
        why = ": a part of the file, which was not asked for" if status == _PART_OF_FILE else ""
        msg = f"{shown} answered with HTTP status {status}{why}"
        raise SourceError(msg, code="url_http_error", field="url")
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        # Decoding would let a few bytes on the wire become gigabytes in memory.
        msg = f"{shown} answered in an encoding that was not asked for; send the file as it is"
        raise SourceError(msg, code="url_encoded", field="url")
    length = response.headers.get("Content-Length")
    if length is None or not length.isdigit():
        return None
    if int(length) > max_bytes:
        raise _too_large(max_bytes)
    return int(length)


def _save(
    response: httpx.Response,
    target: Path,
    *,
    total: int | None,
    max_bytes: int,
    on_progress: Progress | None,
) -> tuple[int, str]:
    done, digest = 0, hashlib.sha256()
    with target.open("wb") as file, _body_faults(display_url(response.url), total):
        for chunk in response.iter_raw(_CHUNK_BYTES):
            done += len(chunk)
            if done > max_bytes:
                raise _too_large(max_bytes)
            file.write(chunk)
            digest.update(chunk)
            if on_progress is not None:
                on_progress(done, total)
    if not done:
        msg = f"{display_url(response.url)} answered with an empty file"
        raise SourceError(msg, code="empty_file", field="url")
    return done, digest.hexdigest()


@contextmanager
def _body_faults(shown: str, total: int | None) -> Iterator[None]:
    """A connection that breaks inside the body leaves part of a file."""
    try:
        yield
    except (httpx.RemoteProtocolError, httpx.ReadError) as exc:
        announced = "its end" if total is None else f"the announced {total} bytes"
        msg = f"{shown} closed the connection before {announced}"
        raise WorkerError(msg, code="url_incomplete", field="url") from exc


@contextmanager
def _named_faults(url: str, client: httpx.Client, deadline_seconds: float) -> Iterator[None]:
    """Raise the transport's failures as a job's, from the narrowest to the widest."""
    shown = display_url(url)
    try:
        yield
    except UrlRefused as exc:
        raise SourceError(exc.detail, code="url_refused", field="url") from exc
    except NameNotResolved as exc:
        msg = f"the host of {shown} does not resolve"
        raise SourceError(msg, code="url_unresolvable", field="url") from exc
    except httpx.TooManyRedirects as exc:
        msg = f"{shown} redirects more than {client.max_redirects} times"
        raise SourceError(msg, code="url_redirects", field="url") from exc
    except DeadlinePassed as exc:
        msg = f"{shown} took longer than the limit of {deadline_seconds:g} seconds"
        raise WorkerError(msg, code="url_too_slow", field="url") from exc
    except (httpx.InvalidURL, UnicodeError) as exc:  # the latter of a redirect to ``xn--`` nonsense
        raise SourceError("url is malformed", code="url_refused", field="url") from exc
    except httpx.TransportError as exc:
        msg = f"{shown} can't be reached ({type(exc).__name__})"
        raise WorkerError(msg, code="url_unreachable", field="url") from exc


def _too_large(max_bytes: int) -> SourceError:
    msg = f"the file is larger than the limit of {max_bytes} bytes"
    return SourceError(msg, code="source_too_large", field="url")


def _filename(response: httpx.Response) -> str | None:
    message = Message()
    message["Content-Disposition"] = response.headers.get("Content-Disposition", "")
    try:
        given = message.get_filename()
    except (TypeError, ValueError):  # the parser's own, for continuations without sense
        given = None
    name = given or PurePosixPath(response.url.path).name
    bare = _UNSAFE_IN_NAMES.split(name)[-1].strip(" .")
    return bare[-_LONGEST_NAME:] or None
