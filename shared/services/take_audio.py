"""Where a submission's audio is, or putting it there when it came with the request."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from shared.domain.errors import InvalidRequest, LimitExceeded, NotFound, UnsupportedOption
from shared.domain.job import Source, SourceKind, Status, unique_key
from shared.ports.blob_store import BlobInfo
from shared.ports.platform import Platform
from shared.services.keys_of_blobs import source_key, upload_key, version_unique_key
from shared.services.start_upload import check_upload_id
from shared.services.submission import (
    BytesAudio,
    NamedAudio,
    StoredAudio,
    Submission,
    UploadAudio,
    UrlAudio,
)
from shared.services.upload_object import arrived_object, taken


@dataclass(frozen=True, kw_only=True, slots=True)
class Intake:
    """`fingerprint` identifies the audio; `stored_here`: its bytes came with this request."""

    source: Source
    fingerprint: str
    status: Status = Status.PENDING
    unique: tuple[str, ...] = ()
    stored_here: bool = False


def take_audio(platform: Platform, submission: Submission, job_id: str) -> Intake:
    """Find or store the audio.

    Raises:
        InvalidRequest: it is empty, or the upload id is not of an upload id's form.
        Conflict: code ``upload_erased``: the upload was erased with its job.
        LimitExceeded: it is larger than its door allows; nothing is kept.
        UnsupportedOption: a `storage_uri` on a platform without buckets.
    """
    audio, tenant = submission.audio, submission.tenant
    if isinstance(audio, UrlAudio):
        return Intake(source=Source(kind=SourceKind.URL, url=audio.url), fingerprint=audio.url)
    if isinstance(audio, NamedAudio):
        return _named(platform, audio, tenant)
    if isinstance(audio, BytesAudio):
        return _store_bytes(platform, audio, source_key(tenant, job_id, audio.filename))
    if isinstance(audio, UploadAudio):
        return _find_upload(platform, audio, tenant)
    return _stored(audio, tenant)


def _named(platform: Platform, audio: NamedAudio, tenant: str) -> Intake:
    """An object elsewhere is read there, in the version that it has now, and stays.

    One that lies in the tenant's own inbox is taken as if it had been dropped there just now: the
    same object is the same job. Objects elsewhere may be transcribed any number of times, as URLs.
    """
    if platform.storage is None:
        raise UnsupportedOption(
            "storage_uri needs a platform with buckets; use url, blob or upload_id",
            field="storage_uri",
        )
    filename = audio.filename or audio.uri.rsplit("/", 1)[-1]
    own = platform.storage.own_key(audio.uri, tenant=tenant)
    try:
        if own is not None:
            info = platform.blobs.stat(own)
            return _stored(StoredAudio(info=info, filename=filename), tenant)
        info = platform.storage.stat(audio.uri, tenant=tenant)
    except NotFound as exc:
        raise InvalidRequest(
            f"storage_uri: {exc.detail}", code="source_missing", field="storage_uri"
        ) from exc
    if info.size_bytes > platform.limits.max_source_bytes:
        raise LimitExceeded(
            f"the object is {info.size_bytes} bytes; the limit is"
            f" {platform.limits.max_source_bytes} bytes",
            code="payload_too_large",
            field="storage_uri",
        )
    source = Source(
        kind=SourceKind.STORAGE,
        url=audio.uri,
        filename=filename,
        content_type=info.content_type,
        size_bytes=info.size_bytes,
        version=info.version,
        owned=False,
    )
    return Intake(source=source, fingerprint=f"storage:{audio.uri}")


def object_unique_key(tenant: str, info: BlobInfo) -> str:
    """What at most one job may hold for this version of an object."""
    return version_unique_key(tenant, info.key, info.version)


def _stored(audio: StoredAudio, tenant: str) -> Intake:
    source = Source(
        kind=SourceKind.BLOB,
        key=audio.info.key,
        filename=audio.filename,
        content_type=audio.info.content_type,
        size_bytes=audio.info.size_bytes,
        version=audio.info.version,
        owned=audio.owned,
    )
    return Intake(
        source=source,
        fingerprint=f"{audio.info.key}#{audio.info.version}",
        unique=(object_unique_key(tenant, audio.info),),
    )


def _store_bytes(platform: Platform, audio: BytesAudio, key: str) -> Intake:
    digest = hashlib.sha256()
    counted = _counted(audio.chunks, digest, audio.max_bytes)
    info = platform.blobs.put(key, counted, content_type=audio.content_type)
    source = Source(
        kind=SourceKind.BLOB,
        key=key,
        filename=audio.filename,
        content_type=audio.content_type,
        size_bytes=info.size_bytes,
        version=info.version,
    )
    return Intake(source=source, fingerprint=digest.hexdigest(), stored_here=True)


def _counted(chunks: Iterable[bytes], digest: hashlib._Hash, max_bytes: int) -> Iterator[bytes]:
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > max_bytes:
            raise LimitExceeded(
                f"the audio is larger than {max_bytes} bytes; use POST /api/v1/uploads",
                code="payload_too_large",
            )
        digest.update(chunk)
        yield chunk
    if size == 0:
        raise InvalidRequest("the audio is empty (0 bytes)", code="empty_file", field="file")


def _find_upload(platform: Platform, audio: UploadAudio, tenant: str) -> Intake:
    key = upload_key(tenant, check_upload_id(audio.upload_id))
    source = Source(
        kind=SourceKind.BLOB, key=key, filename=audio.filename, content_type=audio.content_type
    )
    info = arrived_object(platform, key)
    return Intake(
        source=source if info is None else taken(source, info),
        fingerprint=f"upload:{audio.upload_id}",
        status=Status.AWAITING_UPLOAD if info is None else Status.PENDING,
        unique=(unique_key("upload", tenant, audio.upload_id),),
    )
