"""Erasing objects so that nothing is left: every version, every delete marker, every sent part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.adapters.aws.clients import error_code, translated
from shared.adapters.aws.s3_errors import PRESENT
from shared.adapters.aws.s3_versions import pin
from shared.domain.errors import Unavailable

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import (
        DeleteMarkerEntryTypeDef,
        DeleteObjectsOutputTypeDef,
        ListObjectVersionsOutputTypeDef,
        ObjectIdentifierTypeDef,
        ObjectVersionTypeDef,
    )

#: Of one list, and of one delete.
_PAGE = 1000


class ObjectEraser:
    """Erases objects of one bucket, whether it keeps versions or not."""

    def __init__(self, s3: S3Client, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def erase_key(self, key: str) -> None:
        """Erase all versions of one object."""
        self._erase(key, only=key)

    def erase_below(self, prefix: str) -> int:
        """Erase all versions of all objects whose key begins with `prefix`; how many objects."""
        return self._erase(prefix, only=None)

    def erase_version(self, key: str, version: str) -> None:
        """Erase one version, if it is (still) there."""
        from botocore.exceptions import ClientError

        with translated("the bucket"):
            try:
                self._s3.delete_object(Bucket=self._bucket, Key=key, **pin(version))
            except ClientError as exc:
                if error_code(exc) not in {"404", "NoSuchKey", "NoSuchVersion", *PRESENT}:
                    raise

    def _erase(self, prefix: str, *, only: str | None) -> int:
        """What is listed is erased before more is listed, so that every list begins at the start.

        `only` is the key of an object; keys that go on after it have the same prefix, and come
        behind it. S3 may list fewer than were asked for although there are more.
        """
        objects = 0
        behind: Any = {}  # markers, as the call has them
        with translated("the bucket"):
            self._abort_uploads(prefix, only)
            while True:
                page = self._s3.list_object_versions(
                    Bucket=self._bucket, Prefix=prefix, MaxKeys=_PAGE, **behind
                )
                found = _identifiers(page, only)
                objects += sum(
                    version["IsLatest"] and only in (None, version["Key"])
                    for version in page.get("Versions", [])
                )
                if found:
                    _check(
                        self._s3.delete_objects(
                            Bucket=self._bucket, Delete={"Objects": found, "Quiet": True}
                        )
                    )
                if not page.get("IsTruncated") or _is_past(page, only):
                    return objects
                behind = {} if found else _behind(page)

    def _abort_uploads(self, prefix: str, only: str | None) -> None:
        from botocore.exceptions import ClientError

        pages = self._s3.get_paginator("list_multipart_uploads")
        for page in pages.paginate(Bucket=self._bucket, Prefix=prefix):
            for upload in page.get("Uploads", []):
                if only not in (None, upload["Key"]):
                    continue
                try:
                    self._s3.abort_multipart_upload(
                        Bucket=self._bucket, Key=upload["Key"], UploadId=upload["UploadId"]
                    )
                except ClientError as exc:
                    if error_code(exc) != "NoSuchUpload":  # ended meanwhile
                        raise


def _is_past(page: ListObjectVersionsOutputTypeDef, only: str | None) -> bool:
    """Whether the page goes on to other keys than the only one."""
    return only is not None and any(entry["Key"] != only for entry in _entries(page))


def _behind(page: ListObjectVersionsOutputTypeDef) -> dict[str, str]:
    """Where the next page begins, for one that named nothing."""
    markers = {
        "KeyMarker": page.get("NextKeyMarker"),
        "VersionIdMarker": page.get("NextVersionIdMarker"),
    }
    return {name: marker for name, marker in markers.items() if marker}


def _entries(
    page: ListObjectVersionsOutputTypeDef,
) -> tuple[ObjectVersionTypeDef | DeleteMarkerEntryTypeDef, ...]:
    return (*page.get("Versions", []), *page.get("DeleteMarkers", []))


def _identifiers(
    page: ListObjectVersionsOutputTypeDef, only: str | None
) -> list[ObjectIdentifierTypeDef]:
    """All that the page names, in a bucket without versions as version ``null``."""
    return [
        {"Key": entry["Key"], "VersionId": entry["VersionId"]}
        for entry in _entries(page)
        if only in (None, entry["Key"])
    ]


def _check(answer: DeleteObjectsOutputTypeDef) -> None:
    """S3 answers 200 also when it kept some.

    Raises:
        Unavailable: it did.
    """
    errors = answer.get("Errors", [])
    if errors:
        key, code = errors[0].get("Key"), errors[0].get("Code", "")
        denied = code == "AccessDenied"
        raise Unavailable(
            f"the bucket kept {len(errors)} objects, the first of them {key!r} ({code})",
            code="access_denied" if denied else None,
            retryable=not denied,
        )
