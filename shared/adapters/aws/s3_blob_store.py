"""Objects in an S3 bucket.

The bucket should keep versions: then a job reads exactly the version that it took, whatever is
uploaded over it, and a repeated upload disturbs nobody. Without versions a job whose audio was
replaced fails with ``source_changed``. Deleting erases all versions in either.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.adapters.aws.clients import AwsClients, translated
from shared.adapters.aws.s3_erasing import ObjectEraser
from shared.adapters.aws.s3_errors import reading
from shared.adapters.aws.s3_reading import ObjectReader
from shared.adapters.aws.s3_signing import PARTS_ABOVE_BYTES, UrlSigner, encryption
from shared.adapters.aws.s3_versions import Pin, pin, version_of
from shared.adapters.aws.s3_writing import MARK, PART_BYTES, ObjectWriter, Present
from shared.domain.blob_keys import check_key
from shared.domain.errors import Conflict, NotFound, VersionConflict
from shared.ports.blob_store import BlobInfo, SignedUpload

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

#: What S3 calls an object of no type.
_NO_TYPE = "binary/octet-stream"
_COPY_BYTES = 1 << 20


class S3BlobStore:
    """`BlobStore` in one bucket; `kms_key` encrypts what is written instead of its default key."""

    def __init__(
        self,
        clients: AwsClients,
        *,
        bucket: str,
        kms_key: str | None = None,
        part_bytes: int = PART_BYTES,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._clients = clients
        self._bucket = bucket
        self._kms_key = kms_key
        self._part_bytes = part_bytes
        self._signer = UrlSigner(clients, bucket, kms_key=kms_key, now=now)

    def put(
        self,
        key: str,
        chunks: Iterable[bytes],
        *,
        content_type: str | None = None,
        once: bool = False,
    ) -> BlobInfo:
        """Store an object in one request, a larger one in parts that are erased on an error."""
        try:
            written = self._writer.write(
                check_key(key), chunks, content_type=content_type, once=once
            )
        except Present as present:
            return self._same(key, present)
        return BlobInfo(
            key=key,
            size_bytes=written.size_bytes,
            version=written.version,
            content_type=_type(content_type),
        )

    def put_file(self, key: str, path: Path, *, content_type: str | None = None) -> BlobInfo:
        """Store a file's bytes."""
        return self.put(key, _bytes_of(path), content_type=content_type)

    def read(self, key: str) -> bytes:
        """The whole object."""
        return b"".join(self.stream(key))

    def stream(
        self, key: str, *, chunk_bytes: int = 1 << 20, version: str | None = None
    ) -> Iterator[bytes]:
        """The object in chunks; a connection that breaks is taken up where it broke."""
        return self._stream(check_key(key), chunk_bytes, version)

    def stat(self, key: str, *, version: str | None = None) -> BlobInfo:
        """Size, version, content type and metadata."""
        pinned: Pin = {} if version is None else pin(version)
        try:
            with reading(check_key(key)):
                head = self._s3.head_object(Bucket=self._bucket, Key=key, **pinned)
        except VersionConflict as exc:
            raise NotFound(exc.detail) from exc
        return BlobInfo(
            key=key,
            size_bytes=head["ContentLength"],
            version=version_of(head),
            content_type=_type(head.get("ContentType")),
            metadata={
                name.lower(): said
                for name, said in head.get("Metadata", {}).items()
                if name.lower() != MARK  # ours, not the sender's
            },
        )

    def exists(self, key: str) -> bool:
        """Whether the key holds an object."""
        try:
            self.stat(key)
        except NotFound:
            return False
        return True

    def delete(self, key: str, *, version: str | None = None) -> None:
        """Erase one object in all its versions, or one version."""
        if version is None:
            self._eraser.erase_key(check_key(key))
        else:
            self._eraser.erase_version(check_key(key), version)

    def delete_prefix(self, prefix: str) -> int:
        """Erase every object below in all its versions; returns how many objects there were."""
        return self._eraser.erase_below(check_key(prefix) + "/")

    def list(self, prefix: str) -> Iterator[BlobInfo]:
        """Objects below, ordered by key, without their content types."""
        return self._list(check_key(prefix) + "/")

    def sign_download(self, key: str, *, expires_in: float, filename: str | None = None) -> str:
        """A presigned GET."""
        return self._signer.download(check_key(key), expires_in=expires_in, filename=filename)

    def sign_upload(
        self,
        key: str,
        *,
        expires_in: float,
        max_bytes: int,
        content_type: str | None = None,
        size_bytes: int | None = None,
    ) -> SignedUpload:
        """A presigned form, or parts when more than `PARTS_ABOVE_BYTES` were announced."""
        check_key(key)
        if size_bytes is not None and size_bytes > PARTS_ABOVE_BYTES:
            return self._signer.in_parts(
                key, expires_in=expires_in, size_bytes=size_bytes, content_type=content_type
            )
        most = max_bytes if size_bytes is None else min(max_bytes, size_bytes)
        return self._signer.form(
            key, expires_in=expires_in, max_bytes=most, content_type=content_type
        )

    def _same(self, key: str, refused: Present) -> BlobInfo:
        """What is there, if it is of the content that was refused because of it."""
        with suppress(NotFound, VersionConflict):  # erased or replaced meanwhile
            info = self.stat(key)
            if info.size_bytes == refused.size_bytes:
                digest = hashlib.sha256()
                for chunk in self.stream(key, version=info.version):
                    digest.update(chunk)
                if digest.hexdigest() == refused.digest:
                    return info
        raise Conflict(f"object {key!r} is there already", code="object_exists") from refused

    def _stream(self, key: str, chunk_bytes: int, version: str | None) -> Iterator[bytes]:
        try:
            yield from ObjectReader(self._s3, self._bucket).stream(
                key, chunk_bytes=chunk_bytes, version=version
            )
        except VersionConflict:
            self.stat(key)  # NotFound where no version is left
            raise

    def _list(self, prefix: str) -> Iterator[BlobInfo]:
        with translated("the bucket"):
            for page in self._s3.get_paginator("list_object_versions").paginate(
                Bucket=self._bucket, Prefix=prefix
            ):
                for version in page.get("Versions", []):
                    if version["IsLatest"]:
                        yield BlobInfo(
                            key=version["Key"],
                            size_bytes=version["Size"],
                            version=version_of(version),
                        )

    @property
    def _s3(self) -> S3Client:
        with translated("the bucket"):  # making a client can fail, too
            return self._clients.s3

    @cached_property
    def _writer(self) -> ObjectWriter:
        extra: dict[str, Any] = encryption(self._kms_key)
        return ObjectWriter(self._s3, self._bucket, extra=extra, part_bytes=self._part_bytes)

    @cached_property
    def _eraser(self) -> ObjectEraser:
        return ObjectEraser(self._s3, self._bucket)


def _type(content_type: str | None) -> str | None:
    return None if content_type in (None, "", _NO_TYPE) else content_type


def _bytes_of(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_COPY_BYTES):
            yield chunk
