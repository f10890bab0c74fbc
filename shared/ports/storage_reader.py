"""Objects that a caller names in place: in other buckets than the deployment's own, only read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from shared.ports.blob_store import BlobInfo


class StorageReader(Protocol):
    """Objects by URI (``s3://bucket/key``), as far as the tenant may name them.

    Every method raises `InvalidRequest` for a URI that is none (code ``invalid_storage_uri``) or
    that this tenant may not name (code ``storage_uri_not_allowed``), before anything is asked, and
    `Unavailable` when the store does not answer. A tenant never reaches another one's objects.
    """

    def own_key(self, uri: str, *, tenant: str) -> str | None:
        """The key in the deployment's own blob store, None for an object elsewhere.

        Of its own store only the tenant's inbox may be named.
        """
        ...

    def stat(self, uri: str, *, tenant: str) -> BlobInfo:
        """Size, version and type of an object elsewhere; its key is the URI.

        Raises:
            NotFound: there is none, or the deployment may not read it: a store may not tell.
        """
        ...

    def stream(
        self, uri: str, *, tenant: str, version: str | None = None, chunk_bytes: int = 1 << 20
    ) -> Iterator[bytes]:
        """The object in chunks, as `BlobStore.stream`; what is refused is at the first chunk."""
        ...
