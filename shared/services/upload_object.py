"""The object behind a signed upload: written once, taken once, and never back when it was erased.

The URL outlives all of that, so the rules can't rest on it. The store refuses to write twice (see
`BlobStore.sign_upload`), the job keeps the version that it took and the worker reads no other, and
an erased object leaves a mark under its key: empty, and of a type that no upload has.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from shared.domain.errors import Conflict, NotFound
from shared.domain.job import Source, unique_key
from shared.ports.blob_store import BlobInfo
from shared.ports.platform import Platform
from shared.services.keys_of_blobs import parse_upload_key

ERASED_TYPE = "application/x-tamlil-erased"


def arrived_object(platform: Platform, key: str) -> BlobInfo | None:
    """The uploaded object, None while there is none.

    Raises:
        Conflict: code ``upload_erased``.
    """
    try:
        info = platform.blobs.stat(key)
    except NotFound:
        return None
    if info.size_bytes == 0 and info.content_type == ERASED_TYPE:
        raise Conflict(
            "this upload was erased with its job; ask for a new one", code="upload_erased"
        )
    return info


def taken(source: Source, info: BlobInfo) -> Source:
    """The source of a job that works on this version of the object, and on no other."""
    return replace(
        source,
        size_bytes=info.size_bytes,
        version=info.version,
        content_type=source.content_type or info.content_type,
    )


def mark_erased(platform: Platform, key: str) -> None:
    """Erase the object in one step with leaving the mark, so that nothing can slip in between."""
    platform.blobs.put(key, [], content_type=ERASED_TYPE)


def receive_upload(
    platform: Platform,
    key: str,
    chunks: Iterable[bytes],
    *,
    content_type: str | None,
    size_bytes: int | None,
) -> BlobInfo:
    """Store what the holder of the URL sends, where the deployment itself plays the bucket.

    The same bytes again are answered as the first time, whatever became of them since, because
    an answer may have been lost. `size_bytes` is what the request announces.

    Raises:
        Conflict: code ``upload_taken``: other bytes are there already; ``upload_closed``: the job
            is over without them; ``upload_erased``.
    """
    present = arrived_object(platform, key)
    if present is None:
        _require_open(platform, key)
    elif size_bytes not in (None, present.size_bytes):
        raise _taken()  # before the bytes are read: these can't be the same
    try:
        return platform.blobs.put(key, chunks, content_type=content_type, once=True)
    except Conflict as exc:
        arrived_object(platform, key)
        raise _taken() from exc


def _require_open(platform: Platform, key: str) -> None:
    parsed = parse_upload_key(key)
    job = parsed and platform.jobs.find_unique(unique_key("upload", *parsed))
    if job and job.finished:
        raise Conflict(f"job {job.id} is {job.status} already", code="upload_closed")


def _taken() -> Conflict:
    return Conflict(
        "this upload holds other bytes already; ask for a new one with POST /api/v1/uploads",
        code="upload_taken",
    )
