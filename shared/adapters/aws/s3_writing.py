"""Writing an object of any size with the memory of one part."""

from __future__ import annotations

import hashlib
import logging
import random
import time
import uuid
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.adapters.aws.clients import error_code, translated
from shared.adapters.aws.s3_errors import PRESENT, WRITTEN_MEANWHILE
from shared.adapters.aws.s3_versions import version_of
from shared.domain.errors import Conflict

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_log = logging.getLogger(__name__)

#: An object of fewer bytes is one request. S3 allows 10,000 parts: 80 GB of this size.
PART_BYTES = 8 << 20
_WRITE_TRIES = 5
_FIRST_WAIT_SECONDS = 0.05
#: Metadata by which an upload is known again when the answer to its end was lost.
MARK = "tamlil-put"


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """What was stored."""

    version: str
    size_bytes: int


class Present(Conflict):
    """The key holds an object already; `digest` (SHA-256) and `size_bytes` are of the refused."""

    def __init__(self, *, digest: str, size_bytes: int) -> None:
        super().__init__("the key holds an object already", code="object_exists")
        self.digest = digest
        self.size_bytes = size_bytes


class ObjectWriter:
    """Writes objects of one bucket; `extra` goes into every request that makes one."""

    def __init__(
        self,
        s3: S3Client,
        bucket: str,
        *,
        extra: dict[str, Any],
        part_bytes: int = PART_BYTES,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._extra = extra
        self._part_bytes = part_bytes
        self._sleep = sleep

    def write(
        self, key: str, chunks: Iterable[bytes], *, content_type: str | None, once: bool
    ) -> Written:
        """Store the chunks; an error in them, or in a request, leaves nothing.

        Raises:
            Present: `once`, and there is an object.
            Unavailable: S3 did not answer.
        """
        from botocore.exceptions import ClientError

        target: dict[str, Any] = {"Bucket": self._bucket, "Key": key, **self._extra}
        if content_type:
            target["ContentType"] = content_type
        parts = _Parts(chunks, self._part_bytes)
        first = parts.next()
        write = self._write_whole if len(first) < self._part_bytes else self._write_parts
        condition = {"IfNoneMatch": "*"} if once else {}
        with translated("the bucket"):
            try:
                version = write(target, first, parts, condition=condition)
            except ClientError as exc:
                if once and error_code(exc) in PRESENT:
                    raise Present(digest=parts.digest(), size_bytes=parts.size_bytes) from exc
                raise
        return Written(version=version, size_bytes=parts.size_bytes)

    def _write_whole(
        self, target: dict[str, Any], body: bytes, _: _Parts, *, condition: dict[str, Any]
    ) -> str:
        from botocore.exceptions import ClientError

        for tried in range(1, _WRITE_TRIES + 1):
            try:
                return version_of(self._s3.put_object(Body=body, **target, **condition))
            except ClientError as exc:
                if error_code(exc) not in WRITTEN_MEANWHILE or tried == _WRITE_TRIES:
                    raise
                self._sleep(random.uniform(0, _FIRST_WAIT_SECONDS * 2**tried))  # noqa: S311 - jitter
        raise AssertionError  # the loop returns or raises

    def _write_parts(
        self, target: dict[str, Any], first: bytes, parts: _Parts, *, condition: dict[str, Any]
    ) -> str:
        mark = uuid.uuid4().hex
        begun = self._s3.create_multipart_upload(
            **target, ChecksumAlgorithm="CRC32", Metadata={MARK: mark}
        )
        upload = {
            "Bucket": target["Bucket"],
            "Key": target["Key"],
            "UploadId": begun["UploadId"],
        }
        try:
            sent = [self._send(upload, 1, first)]
            while part := parts.next():
                sent.append(self._send(upload, len(sent) + 1, part))
            return self._complete(upload, sent, mark, condition)
        except BaseException:
            self._abort(upload)
            raise

    def _send(self, upload: dict[str, Any], number: int, part: bytes) -> dict[str, Any]:
        answer = self._s3.upload_part(
            **upload, PartNumber=number, Body=part, ChecksumAlgorithm="CRC32"
        )
        checksum = answer.get("ChecksumCRC32")
        known = {"ChecksumCRC32": checksum} if checksum else {}
        return {"PartNumber": number, "ETag": answer["ETag"], **known}

    def _complete(
        self,
        upload: dict[str, Any],
        sent: list[dict[str, Any]],
        mark: str,
        condition: dict[str, Any],
    ) -> str:
        from botocore.exceptions import ClientError

        parts: Any = {"Parts": sent}
        try:
            return version_of(
                self._s3.complete_multipart_upload(**upload, MultipartUpload=parts, **condition)
            )
        except ClientError as exc:
            # The SDK asks again when an answer was lost; the first request may have done it.
            if error_code(exc) not in {"NoSuchUpload", *PRESENT}:
                raise
            with suppress(ClientError):
                stored = self._s3.head_object(Bucket=upload["Bucket"], Key=upload["Key"])
                if stored["Metadata"].get(MARK) == mark:
                    return version_of(stored)
            raise

    def _abort(self, upload: dict[str, Any]) -> None:
        """Erase the parts; where that fails the bucket's lifecycle rule does it later."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._s3.abort_multipart_upload(**upload)
        except (BotoCoreError, ClientError) as exc:
            _log.warning(
                "parts of an upload were left", extra={"key": upload["Key"], "error": str(exc)}
            )


class _Parts:
    """Chunks of any size regrouped into parts of one size, hashed and counted as they pass."""

    def __init__(self, chunks: Iterable[bytes], part_bytes: int) -> None:
        self._chunks = iter(chunks)
        self._part_bytes = part_bytes
        self._rest = bytearray()
        self._sha256 = hashlib.sha256()
        self.size_bytes = 0

    def next(self) -> bytes:
        """The next part, shorter only at the end, then empty."""
        while len(self._rest) < self._part_bytes:
            chunk = next(self._chunks, None)
            if chunk is None:
                break
            self._rest += chunk
        with memoryview(self._rest) as rest:
            part = bytes(rest[: self._part_bytes])
        del self._rest[: self._part_bytes]
        self._sha256.update(part)
        self.size_bytes += len(part)
        return part

    def digest(self) -> str:
        """SHA-256 of all that has passed."""
        return self._sha256.hexdigest()
