"""The object behind a signed upload: written once, taken once, and never back when it was erased.

The URL outlives all of that, so the rules can't rest on it. Most stores refuse to write twice (see
`BlobStore.sign_upload`); S3 can't refuse a form. So the job keeps the version that it took and the
worker reads no other; an erased object leaves a mark under its key, empty and of a type that no
upload has, which the stores that can refuse do not replace, and a tombstone under another key,
which tells what arrives late from what is new; and `erase_late` erases that.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace

from shared.domain.errors import Conflict, NotFound, Unavailable
from shared.domain.job import Job, Source, unique_key
from shared.ports.blob_store import BlobInfo
from shared.ports.platform import Platform
from shared.services.keys_of_blobs import erased_key, parse_upload_key

ERASED_TYPE = "application/x-tamlil-erased"
_ERASE_TRIES = 10


def arrived_object(platform: Platform, key: str) -> BlobInfo | None:
    """The uploaded object, None while there is none.

    Raises:
        Conflict: code ``upload_erased``; what lay there all the same has been erased again.
    """
    try:
        info = platform.blobs.stat(key)
    except NotFound:
        return None
    marked = info.size_bytes == 0 and info.content_type == ERASED_TYPE
    if marked or platform.blobs.exists(_tombstone(key)):
        if not marked:
            mark_erased(platform, key)
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
    """Erase the object and leave the marks; nothing that arrives meanwhile or later is kept.

    The tombstone comes first: whatever slips in behind it is erased by whoever sees it.

    Raises:
        Unavailable: a store did not answer, or something was uploaded again and again.
    """
    platform.blobs.put(_tombstone(key), [], content_type=ERASED_TYPE, once=True)
    for _ in range(_ERASE_TRIES):
        platform.blobs.delete(key)
        with suppress(Conflict):
            platform.blobs.put(key, [], content_type=ERASED_TYPE, once=True)
            return
    raise Unavailable("an upload is being written again and again while it is erased")


def erase_late(platform: Platform, key: str, job: Job | None) -> None:
    """Erase what lies under an upload's key, unless it is the job's audio or may become some job's.

    Only for a job that waits for no upload any more; without one only a tombstone speaks.
    """
    try:
        info = arrived_object(platform, key)
    except Conflict:
        return
    if info is None or job is None or info.version == job.source.version:
        return
    if job.source.version is None:
        mark_erased(platform, key)  # the job is over without it, see `_require_open`
    else:
        platform.blobs.delete(key, version=info.version)


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


def _tombstone(key: str) -> str:
    parsed = parse_upload_key(key)
    if parsed is None:
        msg = f"{key!r} is no upload's key"
        raise ValueError(msg)
    return erased_key(*parsed)
