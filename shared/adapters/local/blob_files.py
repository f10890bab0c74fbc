"""The file format of the embedded blob store.

A file holds the object's bytes and, behind them, a footer with its content type and a BLAKE2b
hash of the bytes, which is the object's version: equal content has an equal version, other content
another one. With everything in one file a single rename replaces all of it, and a process that
dies between two steps can't leave the bytes of one object with the type of another.
"""

from __future__ import annotations

import errno
import hashlib
import os
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from shared.domain.errors import Conflict, InvalidRequest, NotFound, Unavailable

_FOOTER = struct.Struct(">16sH8s")  # hash, bytes of the content type before it, magic
_MAGIC = b"TAMLILb1"
_MAX_CONTENT_TYPE_BYTES = 1024
_COPY_BYTES = 1 << 20
#: How a file system says that it knows no hard links (exFAT, some network and FUSE mounts).
_NO_HARD_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """What the footer of an open file says."""

    size_bytes: int
    version: str
    content_type: str | None


def write_file(path: Path, chunks: Iterable[bytes], content_type: bytes) -> tuple[int, bytes]:
    """Write object and footer to a new file and to the disk; returns (size, hash)."""
    digest = hashlib.blake2b(digest_size=16)
    size = 0
    with translated():
        file = os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb")
    with file:
        for chunk in chunks:  # outside of translated: its errors are the caller's
            digest.update(chunk)
            size += len(chunk)
            with translated():
                file.write(chunk)
        with translated():
            file.write(content_type + _FOOTER.pack(digest.digest(), len(content_type), _MAGIC))
            file.flush()
            os.fsync(file.fileno())
    return size, digest.digest()


def place_once(temporary: Path, path: Path) -> None:
    """Give a finished file its name, in one step, if nothing has it.

    Raises:
        Conflict: code ``object_exists``.
    """
    try:
        os.link(temporary, path)
    except FileExistsError as exc:
        raise _taken() from exc
    except OSError as exc:
        if exc.errno not in _NO_HARD_LINKS:
            raise
        # Two steps are the best that such a file system allows; readers who name the version
        # that they want are not deceived by what comes between.
        if path.exists():
            raise _taken() from exc
        temporary.replace(path)


def _taken() -> Conflict:
    return Conflict("the key holds an object already", code="object_exists")


def chunks_of(path: Path) -> Iterator[bytes]:
    """A file's bytes; one that can't be read, or is a link, raises `Unavailable`.

    Who may drop a file for us could swap it for a link to one that only we may read.
    """
    with translated(), os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
        while chunk := file.read(_COPY_BYTES):
            yield chunk


@contextmanager
def opened(key: str, path: Path) -> Iterator[tuple[IO[bytes], Layout]]:
    """The open file, at the object's first byte, and its footer; raises `NotFound`."""
    with translated():
        try:
            file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb")
        except (FileNotFoundError, NotADirectoryError) as exc:
            raise NotFound(f"there is no object {key!r}") from exc
    with file:
        with translated():
            layout = _layout(key, file)
        yield file, layout


def _layout(key: str, file: IO[bytes]) -> Layout:
    end = file.seek(0, os.SEEK_END) - _FOOTER.size
    try:
        file.seek(end)
        digest, type_bytes, magic = _FOOTER.unpack(file.read())
        file.seek(end - type_bytes)
        content_type = file.read(type_bytes).decode()
    except (struct.error, ValueError, OSError) as exc:
        raise Unavailable(f"object {key!r} is damaged", code="blob_damaged") from exc
    if magic != _MAGIC:
        raise Unavailable(f"object {key!r} is damaged", code="blob_damaged")
    file.seek(0)
    return Layout(
        size_bytes=end - type_bytes, version=digest.hex(), content_type=content_type or None
    )


def encode_type(content_type: str | None) -> bytes:
    """The content type as the footer holds it; raises `InvalidRequest` when it is too long."""
    encoded = (content_type or "").encode(errors="replace")
    if len(encoded) > _MAX_CONTENT_TYPE_BYTES:
        msg = f"content_type is longer than {_MAX_CONTENT_TYPE_BYTES} bytes"
        raise InvalidRequest(msg, field="content_type")
    return encoded


def sync_folder(folder: Path) -> None:
    """Have the disk hold the names in a folder."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def translated() -> Iterator[None]:
    """Turn the operating system's errors into `Unavailable`, without paths in the detail."""
    try:
        yield
    except OSError as exc:
        raise Unavailable(f"the blob store did not answer: {exc.strerror}") from exc
