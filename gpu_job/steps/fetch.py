"""The first step: bring the audio into a file, from a caller's URL or from the blob store."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from shared.domain.errors import (
    InvalidRequest,
    NotFound,
    SourceError,
    Stopped,
    VersionConflict,
    WorkerError,
)
from shared.domain.job import Source, SourceKind
from shared.ports.blob_store import BlobStore
from shared.ports.storage_reader import StorageReader
from shared.webhooks.guarded_download import download
from shared.webhooks.url_guard import guarded_client
from shared.webhooks.url_policy import UrlPolicy

_REDIRECTS = 5
#: Connecting, and each wait for more bytes (seconds).
_SILENCE_SECONDS = 30.0

Report = Callable[[int, int | None], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class FetchLimits:
    """What may be fetched: bytes, seconds, and which addresses."""

    max_bytes: int
    seconds: float
    policy: UrlPolicy


def fetch(
    source: Source,
    target: Path,
    *,
    blobs: BlobStore,
    limits: FetchLimits,
    storage: StorageReader | None = None,
    tenant: str = "",
    on_progress: Report,
    should_stop: Callable[[], bool],
) -> int:
    """Write the source's bytes into `target`; returns how many there were.

    Raises:
        SourceError: empty, too large, gone, replaced, refused; see also
            `guarded_download.download`.
        WorkerError: the server or the store was too slow or broke off.
        Unavailable: the blob store did not answer.
        Stopped: `should_stop` said so.
    """
    if source.kind is SourceKind.URL and source.url is not None:
        policy = limits.policy
        client = guarded_client(policy, timeout=_SILENCE_SECONDS, max_redirects=_REDIRECTS)
        with client:
            return download(
                source.url,
                target,
                client=client,
                max_bytes=limits.max_bytes,
                deadline_seconds=limits.seconds,
                on_progress=on_progress,
                should_stop=should_stop,
            ).size_bytes
    chunks = _object(source, blobs, storage, tenant)
    return _copy(
        _guarded(chunks, limits, should_stop),
        target,
        total=source.size_bytes,
        on_progress=on_progress,
    )


def _object(
    source: Source, blobs: BlobStore, storage: StorageReader | None, tenant: str
) -> Iterator[bytes]:
    """The object in the version that the job took."""
    named = source.kind is SourceKind.STORAGE
    if named and storage is not None and source.url is not None:
        return storage.stream(source.url, tenant=tenant, version=source.version)
    if named or source.key is None:
        raise SourceError("the job names neither a URL nor an object", code="source_missing")
    return blobs.stream(source.key, version=source.version)


def _copy(chunks: Iterator[bytes], target: Path, *, total: int | None, on_progress: Report) -> int:
    done = 0
    try:
        with target.open("wb") as file:
            for chunk in chunks:
                file.write(chunk)
                done += len(chunk)
                on_progress(done, total)
    except NotFound as exc:
        raise SourceError("the audio is no longer stored", code="source_missing") from exc
    except InvalidRequest as exc:  # the bucket was taken from the list since the submit
        raise SourceError(exc.detail, code=exc.code) from exc
    except VersionConflict as exc:
        raise SourceError(
            "the audio was replaced after the job had taken it", code="source_changed"
        ) from exc
    if done == 0:
        raise SourceError("the file is empty", code="empty_file")
    return done


def _guarded(
    chunks: Iterator[bytes], limits: FetchLimits, should_stop: Callable[[], bool]
) -> Iterator[bytes]:
    """Hold each chunk against the limits before it is written."""
    deadline = time.monotonic() + limits.seconds
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if should_stop():
            raise Stopped("stopped while reading the audio")
        if size > limits.max_bytes:
            raise SourceError(
                f"the file is larger than the limit of {limits.max_bytes} bytes",
                code="source_too_large",
            )
        if time.monotonic() > deadline:
            raise WorkerError(
                f"reading the audio took longer than the limit of {limits.seconds:g} seconds",
                code="fetch_too_slow",
            )
        yield chunk
