"""Presigned URLs and forms: what a client may do with the bucket itself, and for how long."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from shared.adapters.aws.clients import AwsClients, translated
from shared.domain.errors import LimitExceeded
from shared.ports.blob_store import SignedParts, SignedUpload

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

#: An announced upload of more bytes goes in parts.
PARTS_ABOVE_BYTES = 100 << 20
#: S3 takes no form and no single object part of more.
MOST_FORM_BYTES = 5 << 30
#: At least so large is a part, at most so many are signed: an answer of 512 URLs of two thousand
#: characters (a session token is in each) is far below the 6 MB that Lambda answers with.
LEAST_PART_BYTES = 16 << 20
MOST_PARTS = 512
#: Signature version 4 allows a week.
_LONGEST_SECONDS = 7 * 86400.0

_Operation = Literal[
    "get_object", "upload_part", "complete_multipart_upload", "abort_multipart_upload"
]


class UrlSigner:
    """Signs for one bucket, with the credentials of this process."""

    def __init__(
        self, clients: AwsClients, bucket: str, *, kms_key: str | None, now: Callable[[], float]
    ) -> None:
        self._clients = clients
        self._bucket = bucket
        self._kms_key = kms_key
        self._now = now

    def download(self, key: str, *, expires_in: float, filename: str | None) -> str:
        """A GET; browsers save it as `filename`."""
        params = {} if filename is None else {"ResponseContentDisposition": _attachment(filename)}
        return self._url("get_object", key, self._seconds(expires_in), **params)

    def form(
        self, key: str, *, expires_in: float, max_bytes: int, content_type: str | None
    ) -> SignedUpload:
        """A POST of 1 to `max_bytes` bytes, at most `MOST_FORM_BYTES`."""
        most, seconds = min(max_bytes, MOST_FORM_BYTES), self._seconds(expires_in)
        fields = self._form_fields(content_type)
        conditions: list[Any] = [{name: value} for name, value in fields.items()]
        conditions.append(["content-length-range", 1, most])
        expires_at = self._now() + seconds
        with translated("the bucket"):
            form = self._s3.generate_presigned_post(
                self._bucket, key, Fields=fields, Conditions=conditions, ExpiresIn=seconds
            )
        return SignedUpload(
            url=form["url"],
            method="POST",
            expires_at=expires_at,
            max_bytes=most,
            fields=form["fields"],
        )

    def in_parts(
        self, key: str, *, expires_in: float, size_bytes: int, content_type: str | None
    ) -> SignedUpload:
        """PUTs of the parts, each of exactly its length, and the POST that stores the object.

        Raises:
            LimitExceeded: more than so many parts can hold.
        """
        part_bytes = max(LEAST_PART_BYTES, math.ceil(size_bytes / MOST_PARTS))
        if part_bytes > MOST_FORM_BYTES:
            most = MOST_PARTS * MOST_FORM_BYTES
            raise LimitExceeded(
                f"size_bytes is {size_bytes}; the bucket takes {most} bytes", field="size_bytes"
            )
        seconds = self._seconds(expires_in)
        upload = {"UploadId": self._begin(key, content_type)}
        starts = range(0, size_bytes, part_bytes)
        urls = [
            self._url(
                "upload_part",
                key,
                seconds,
                **upload,
                PartNumber=number,
                ContentLength=min(part_bytes, size_bytes - start),
            )
            for number, start in enumerate(starts, start=1)
        ]
        # Refused when the key holds an object by then: the upload stores once.
        complete = self._url("complete_multipart_upload", key, seconds, **upload, IfNoneMatch="*")
        return SignedUpload(
            url=complete,
            method="POST",
            expires_at=self._now() + seconds,
            max_bytes=size_bytes,
            headers={"If-None-Match": "*"},
            parts=SignedParts(
                part_bytes=part_bytes,
                urls=urls,
                abort_url=self._url("abort_multipart_upload", key, seconds, **upload),
            ),
        )

    def _begin(self, key: str, content_type: str | None) -> str:
        # Without a checksum algorithm: S3 would then want a checksum of each part from the client.
        typed: Any = {"ContentType": content_type} if content_type else {}
        encrypted: Any = encryption(self._kms_key)
        with translated("the bucket"):
            begun = self._s3.create_multipart_upload(
                Bucket=self._bucket, Key=key, **typed, **encrypted
            )
        return begun["UploadId"]

    def _form_fields(self, content_type: str | None) -> dict[str, str]:
        fields = {"Content-Type": content_type} if content_type else {}
        if self._kms_key is not None:
            prefix = "x-amz-server-side-encryption"
            fields[prefix] = "aws:kms"
            fields[f"{prefix}-aws-kms-key-id"] = self._kms_key
            fields[f"{prefix}-bucket-key-enabled"] = "true"
        return fields

    def _url(self, operation: _Operation, key: str, seconds: int, **params: Any) -> str:
        with translated("the bucket"):
            return self._s3.generate_presigned_url(
                operation, Params={"Bucket": self._bucket, "Key": key, **params}, ExpiresIn=seconds
            )

    def _seconds(self, wanted: float) -> int:
        """Whole seconds, no more than S3 and the credentials allow; at least one."""
        with translated("the bucket"):  # where a role's credentials are fetched
            end = self._clients.credentials_end(now := self._now())
        most = min(wanted, _LONGEST_SECONDS, math.inf if end is None else end - now)
        return max(1, math.floor(most))

    @property
    def _s3(self) -> S3Client:
        return self._clients.s3


def encryption(kms_key: str | None) -> dict[str, Any]:
    """Parameters of what makes an object; without a key the bucket's default encrypts it."""
    if kms_key is None:
        return {}
    return {
        "ServerSideEncryption": "aws:kms",
        "SSEKMSKeyId": kms_key,
        "BucketKeyEnabled": True,  # one call to KMS for many objects
    }


def _attachment(filename: str) -> str:
    """Content-Disposition with the name in UTF-8, and an ASCII one for old clients (RFC 6266)."""
    plain = re.sub(r'[^ -~]|["\\]', "_", filename)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"
