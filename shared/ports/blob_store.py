"""Where audio and transcripts live."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
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
class SignedParts:
    """What goes before the request of an upload in parts.

    The bytes are cut into pieces of `part_bytes`, the last one shorter, and piece i is sent with a
    PUT to ``urls[i]``, in any order and also at once. Each answer has an ``ETag`` header. DELETE
    of `abort_url` gives the upload up and erases what was sent.
    """

    part_bytes: int
    urls: Sequence[str]
    abort_url: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SignedUpload:
    """How a client sends the bytes itself: one request with exactly these headers or fields.

    With `parts` the bytes go there, and the request, which then stores the object, has for a body
    ``<CompleteMultipartUpload>`` with, for each part in order,
    ``<Part><PartNumber>1</PartNumber><ETag>"…"</ETag></Part>``.
    """

    url: str
    method: str
    expires_at: float
    max_bytes: int
    headers: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    parts: SignedParts | None = None


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

        A store that keeps replaced versions, as a versioned bucket does, may still give one; a
        deleted object is gone in all its versions.

        Raises:
            NotFound: there is none; before the first chunk, not at the call.
            VersionConflict: it is of another version; likewise, or when a broken connection is
                taken up again after the object was replaced.
        """
        ...

    def stat(self, key: str, *, version: str | None = None) -> BlobInfo:
        """Size and version; of `version` when that is named.

        Raises:
            NotFound: there is none, or none (any more) of this version.
        """
        ...

    def exists(self, key: str) -> bool:
        """Whether the key holds an object."""
        ...

    def delete(self, key: str, *, version: str | None = None) -> None:
        """Erase one object, all that is left of replaced ones and uploads in parts under way.

        With `version` only what is of this version; in a store that keeps replaced versions, the
        one before it is the object again. An absent object or version is not an error.
        """
        ...

    def delete_prefix(self, prefix: str) -> int:
        """Erase every object whose key begins with ``prefix + "/"``, as `delete` does.

        Returns how many there were.
        """
        ...

    def list(self, prefix: str) -> Iterator[BlobInfo]:
        """Objects whose key begins with ``prefix + "/"``, ordered by key.

        The content type may be None although `stat` knows one: buckets don't list it.
        """
        ...

    def sign_download(self, key: str, *, expires_in: float, filename: str | None = None) -> str:
        """A URL that gives this object to whoever holds it, for `expires_in` seconds.

        It may end sooner, with the store's longest time for a URL or with the credentials that
        sign it: a role's are temporary.
        """
        ...

    def sign_upload(
        self,
        key: str,
        *,
        expires_in: float,
        max_bytes: int,
        content_type: str | None = None,
        size_bytes: int | None = None,
    ) -> SignedUpload:
        """A request that stores at most `max_bytes` under this key, for `expires_in` seconds.

        `size_bytes` is what the client announced; a store may then answer with an upload in parts
        that takes exactly so many, and without it may allow less than `max_bytes`. The answer's
        `expires_at` and `max_bytes` are what holds; see `sign_download` for the time.

        It stores once: an object that is there, also an empty one, is never replaced by it.
        Except where the store can't refuse: S3 knows no condition for a form upload (POST), only
        for the end of an upload in parts. There the holder can add a newer version until the URL
        ends. What must hold, holds all the same: whoever took the first version reads it by
        `version`, and the services erase what arrives late (`shared.services.upload_object`).
        """
        ...
