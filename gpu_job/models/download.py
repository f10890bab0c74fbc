"""Downloading one file: resumable, retried, and moved into place only when it is whole."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx

TRIES = 5
_BLOCK = 1 << 18
_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})

#: Called with the bytes done and the total (None when the server does not say).
OnBytes = Callable[[int, int | None], None]


class DownloadFailed(Exception):
    """This address did not give the file; another source may. Never leaves `gpu_job.models`.

    `status` is the HTTP status of a refusal, where there was one.
    """

    def __init__(self, detail: str, *, status: int | None = None) -> None:
        super().__init__(detail)
        self.status = status


@dataclass(frozen=True, kw_only=True, slots=True)
class Downloader:
    """Fetches addresses (https, http, file) into files.

    A transfer that breaks leaves ``<target>.part`` and its validator; the next try asks for the
    rest with `Range` and `If-Range` (RFC 9110, 13 and 14), so a changed file starts anew.
    """

    client: httpx.Client
    tries: int = TRIES
    sleep: Callable[[float], None] = time.sleep

    def fetch(
        self, url: str, target: Path, *, headers: Mapping[str, str], on_bytes: OnBytes
    ) -> Mapping[str, str]:
        """Download `url` into `target` and return the answer's headers.

        Raises:
            DownloadFailed: the address refused, or every try broke off.
        """
        target.parent.mkdir(parents=True, exist_ok=True)
        parts = urlsplit(url)
        if parts.scheme == "file":
            return _copy(Path(unquote(parts.path)), target, on_bytes)
        for attempt in range(self.tries):
            try:
                answer = self._attempt(url, target, headers=headers, on_bytes=on_bytes)
            except httpx.TransportError as exc:
                if attempt == self.tries - 1 or isinstance(exc, httpx.ConnectError):
                    msg = f"{parts.hostname} did not answer: {type(exc).__name__}"
                    raise DownloadFailed(msg) from exc
            else:
                if answer is not None:
                    return answer
            self.sleep(0.5 * 2**attempt)
        msg = f"{parts.hostname} failed {self.tries} times"
        raise DownloadFailed(msg)

    def _attempt(
        self, url: str, target: Path, *, headers: Mapping[str, str], on_bytes: OnBytes
    ) -> Mapping[str, str] | None:
        """One request; None asks for another try."""
        part = target.with_name(target.name + ".part")
        resume = _resume_headers(part)
        # "identity": a compressed answer would make offsets and sizes mean something else.
        sent = {**headers, **resume, "Accept-Encoding": "identity"}
        with self.client.stream("GET", url, headers=sent, follow_redirects=True) as answer:
            if answer.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and resume:
                _forget(part)
                return None
            if answer.status_code in _RETRIED:
                return None
            if not answer.is_success:
                msg = f"{urlsplit(url).hostname} answered {answer.status_code}"
                raise DownloadFailed(msg, status=answer.status_code)
            resumed = answer.status_code == HTTPStatus.PARTIAL_CONTENT
            offset = part.stat().st_size if resumed else 0
            whole = _receive(answer, part, offset, on_bytes)
        if not whole:
            return None
        part.replace(target)
        _forget(part)
        return dict(answer.headers)


def _receive(answer: httpx.Response, part: Path, offset: int, on_bytes: OnBytes) -> bool:
    """Append the body to the part file; whether all announced bytes came."""
    length = answer.headers.get("content-length")
    total = offset + int(length) if length is not None else None
    validator = answer.headers.get("etag") or answer.headers.get("last-modified")
    if validator and not validator.startswith("W/"):
        _validator_file(part).write_text(validator, encoding="utf-8")
    done = offset
    with part.open("ab" if offset else "wb") as stream:
        for block in answer.iter_bytes(_BLOCK):
            stream.write(block)
            done += len(block)
            on_bytes(done, total)
    return total is None or done == total


def _resume_headers(part: Path) -> dict[str, str]:
    validator = _validator_file(part)
    if not (part.exists() and validator.exists() and part.stat().st_size):
        return {}
    return {
        "Range": f"bytes={part.stat().st_size}-",
        "If-Range": validator.read_text(encoding="utf-8"),
    }


def _validator_file(part: Path) -> Path:
    return part.with_name(part.name + ".validator")


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    _validator_file(part).unlink(missing_ok=True)


def _copy(source: Path, target: Path, on_bytes: OnBytes) -> Mapping[str, str]:
    try:
        total = source.stat().st_size
        shutil.copyfile(source, target)
    except OSError as exc:
        msg = f"{source.name} can't be read: {exc.strerror}"
        raise DownloadFailed(msg) from exc
    on_bytes(total, total)
    return {}
