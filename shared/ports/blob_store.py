"""Where audio and transcripts live."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, kw_only=True, slots=True)
class BlobInfo:
    """What the store knows of an object; `version` changes with its content.

    `metadata` is what its sender said of it, by names in lower case, where the store keeps such;
    only `stat` tells it.
    """

    key: str
    size_bytes: int
    version: str
    content_type: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class SignedUpload:
    """How a client sends the bytes itself: one request with exactly these headers or fields."""

    url: str
    method: str
    expires_at: float
    max_bytes: int
    headers: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)


class BlobStore(Protocol):
    """Objects by key. Keys are relative paths of ``/``-separated segments.

    A key with ``..``, an empty segment, a leading ``/``, a backslash or a control character is
    refused with `InvalidRequest` (code ``invalid_key``) by every method.
    Writes are atomic: a reader sees the whole old object, the whole new one, or none.
    Every method raises `Unavailable` when the store does not answer.
    """

    def put(
        self,
        key: str,
        chunks: Iterable[bytes],
        *,
        content_type: str | None = None,
        once: bool = False,
    ) -> BlobInfo:
        """Store an object, replacing one with this key; an error in `chunks` leaves nothing.

        With `once` an object that is there stays: of the same content, it is answered as if it
        had just been stored. Of racing writers of different contents exactly one wins.

        Raises:
            Conflict: code ``object_exists``: `once`, and the key holds another content.
        """
        ...

    def put_file(self, key: str, path: Path, *, content_type: str | None = None) -> BlobInfo:
        """Store a file's bytes."""
        ...

    def read(self, key: str) -> bytes:
        """The whole object; for small ones.

        Raises:
            NotFound: there is none.
        """
        ...

    def stream(
        self, key: str, *, chunk_bytes: int = 1 << 20, version: str | None = None
    ) -> Iterator[bytes]:
        """The object in chunks; all are of one version, of `version` when that is named.

        Raises:
            NotFound: there is none; before the first chunk, not at the call.
            VersionConflict: it is of another version; likewise.
        """
        ...

    def stat(self, key: str) -> BlobInfo:
        """Size and version.

        Raises:
            NotFound: there is none.
        """
        ...

    def exists(self, key: str) -> bool:
        """Whether the key holds an object."""
        ...

    def delete(self, key: str) -> None:
        """Erase one object; an absent one is not an error."""
        ...

    def delete_prefix(self, prefix: str) -> int:
        """Erase every object whose key begins with ``prefix + "/"``; returns how many."""
        ...

    def list(self, prefix: str) -> Iterator[BlobInfo]:
        """Objects whose key begins with ``prefix + "/"``, ordered by key."""
        ...

    def sign_download(self, key: str, *, expires_in: float, filename: str | None = None) -> str:
        """A URL that gives this object to whoever holds it, for `expires_in` seconds."""
        ...

    def sign_upload(
        self, key: str, *, expires_in: float, max_bytes: int, content_type: str | None = None
    ) -> SignedUpload:
        """A request that stores at most `max_bytes` under this key, for `expires_in` seconds.

        It stores once: an object that is there, also an empty one, is never replaced by it.
        """
        ...
