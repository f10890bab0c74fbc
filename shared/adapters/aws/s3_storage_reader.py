"""Objects that callers name in other buckets than the deployment's own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from shared.adapters.aws.clients import AwsClients, translated
from shared.adapters.aws.s3_errors import reading
from shared.adapters.aws.s3_reading import ObjectReader
from shared.adapters.aws.s3_versions import version_of
from shared.domain.blob_keys import check_key
from shared.domain.errors import InvalidRequest, NotFound, Unavailable, VersionConflict
from shared.ports.blob_store import BlobInfo

_URI = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(.+)", re.DOTALL)
#: The prefix that allows the whole of each bucket, to every tenant.
ANYTHING = "*"


class S3StorageReader:
    """`StorageReader` over `read_buckets`, below `read_prefix` with the tenant's name put in.

    The role decides too: what it may not read is not found.
    """

    def __init__(
        self, clients: AwsClients, *, bucket: str, read_buckets: Sequence[str], read_prefix: str
    ) -> None:
        self._clients = clients
        self._bucket = bucket
        self._read_buckets = frozenset(read_buckets)
        self._read_prefix = "" if read_prefix == ANYTHING else read_prefix

    def own_key(self, uri: str, *, tenant: str) -> str | None:
        """The key, if the URI names an object in the tenant's inbox."""
        bucket, key = self._allowed(uri, tenant)
        return key if bucket == self._bucket else None

    def stat(self, uri: str, *, tenant: str) -> BlobInfo:
        """What a HEAD says."""
        bucket, key = self._allowed(uri, tenant)
        try:
            with reading(uri):
                head = self._clients.s3.head_object(Bucket=bucket, Key=key)
        except Unavailable as exc:
            raise _unreadable(uri, exc) from exc
        return BlobInfo(
            key=uri,
            size_bytes=head["ContentLength"],
            version=version_of(head),
            content_type=head.get("ContentType"),
        )

    def stream(
        self, uri: str, *, tenant: str, version: str | None = None, chunk_bytes: int = 1 << 20
    ) -> Iterator[bytes]:
        """The object in chunks; a connection that breaks is taken up where it broke."""
        bucket, key = self._allowed(uri, tenant)
        with translated("the bucket"):  # making a client can fail, too
            reader = ObjectReader(self._clients.s3, bucket)
        try:
            yield from reader.stream(key, chunk_bytes=chunk_bytes, version=version)
        except VersionConflict:
            self.stat(uri, tenant=tenant)  # NotFound where no version is left
            raise
        except Unavailable as exc:
            raise _unreadable(uri, exc) from exc

    def _allowed(self, uri: str, tenant: str) -> tuple[str, str]:
        """Bucket and key.

        Raises:
            InvalidRequest: not of that form, or not one that this tenant may name.
        """
        matched = _URI.fullmatch(uri)
        if matched is None:
            raise InvalidRequest(
                "storage_uri must be s3://bucket/key", code="invalid_storage_uri",
                field="storage_uri",
            )  # fmt: skip
        bucket, key = matched.groups()
        prefix = self._prefix(bucket, tenant)
        if prefix is None or not key.startswith(prefix):
            raise InvalidRequest(
                self._may(tenant), code="storage_uri_not_allowed", field="storage_uri"
            )
        try:
            check_key(key)  # an HTTP client might make another key of ``a/../b``
        except InvalidRequest as exc:
            raise InvalidRequest(
                f"storage_uri: {exc.detail}", code="invalid_storage_uri", field="storage_uri"
            ) from exc
        return bucket, key

    def _prefix(self, bucket: str, tenant: str) -> str | None:
        """What the tenant's keys begin with there, None where it has none."""
        if bucket == self._bucket:
            return f"tenants/{tenant}/inbox/"
        if bucket in self._read_buckets:
            return self._read_prefix.replace("{tenant}", tenant)
        return None

    def _may(self, tenant: str) -> str:
        buckets = (self._bucket, *sorted(self._read_buckets - {self._bucket}))
        begins = ", ".join(f"s3://{b}/{self._prefix(b, tenant)}" for b in buckets)
        return f"storage_uri must begin with one of {begins}"


def _unreadable(uri: str, exc: Unavailable) -> Exception:
    """S3 says 403 also of what is not there, when the role may not list the bucket."""
    if exc.code != "access_denied":
        return exc
    return NotFound(f"no object {uri!r}, or this deployment's role may not read it")
