"""Reading an object of any size, also over connections that break.

S3 and the network in between cut long answers, and S3 closes a connection whose reader was slow.
Reading goes on at the byte where it stopped, in the same version of the object.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any, cast

from shared.adapters.aws.s3_errors import reading
from shared.adapters.aws.s3_versions import Pin, pin, version_of
from shared.domain.errors import Unavailable

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import GetObjectOutputTypeDef

#: Connections in a row that may break without a whole chunk; the SDK tries each several times.
MOST_CUTS = 4
#: Seconds of the first wait; each further one is twice as long, with full jitter.
_FIRST_WAIT_SECONDS = 0.2


class ObjectReader:
    """Streams objects of one bucket."""

    def __init__(
        self, s3: S3Client, bucket: str, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._sleep = sleep

    def stream(self, key: str, *, chunk_bytes: int, version: str | None) -> Iterator[bytes]:
        """The object in chunks, all of one version.

        Raises:
            NotFound: there is none.
            VersionConflict: it is of another version than `version`, or has been replaced when a
                broken connection was taken up again.
            Unavailable: S3 did not answer, or broke off `MOST_CUTS` times in a row; code
                ``blob_damaged``: the bytes are not those that S3 has a checksum of.
        """
        done, cuts = 0, 0
        while True:
            begun = done
            answer = self._open(key, begun, version)
            # Goes on in what it began with: by its ETag, since a role may not read by version id.
            version = version or version_of({"ETag": answer["ETag"]})
            # S3 names it; what a proxy passes on in pieces of its own ends with an end of its own.
            length: int | None = cast("Any", answer).get("ContentLength")
            try:
                for chunk in _chunks(answer["Body"], chunk_bytes):
                    yield chunk
                    done, cuts = done + len(chunk), 0
            except _cut_errors() as exc:
                cuts += 1
                if cuts >= MOST_CUTS:
                    raise Unavailable(
                        f"the bucket broke off {cuts} times at byte {done} of object {key!r}"
                    ) from exc
                self._sleep(random.uniform(0, _FIRST_WAIT_SECONDS * 2**cuts))  # noqa: S311 - jitter
                continue
            if length is None or done >= begun + length:
                return

    def _open(self, key: str, start: int, version: str | None) -> GetObjectOutputTypeDef:
        pinned: Pin = {} if version is None else pin(version)
        more: Any = {"Range": f"bytes={start}-"} if start else {}
        with reading(key):
            return self._s3.get_object(Bucket=self._bucket, Key=key, **pinned, **more)


def _chunks(body: Any, chunk_bytes: int) -> Iterator[bytes]:
    from botocore.exceptions import FlexibleChecksumError

    with closing(body):
        try:
            while chunk := body.read(chunk_bytes):
                yield chunk
        except FlexibleChecksumError as exc:
            raise Unavailable(
                "the bucket sent other bytes than were stored", code="blob_damaged"
            ) from exc


def _cut_errors() -> tuple[type[Exception], ...]:
    """What reading a body raises when the connection breaks or falls silent."""
    from botocore.exceptions import HTTPClientError, IncompleteReadError
    from urllib3.exceptions import HTTPError

    return (HTTPClientError, IncompleteReadError, HTTPError, OSError)
