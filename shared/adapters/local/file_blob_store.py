"""Objects as files below one folder."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from shared.adapters.local.blob_files import (
    Layout,
    chunks_of,
    encode_type,
    opened,
    place_once,
    sync_folder,
    translated,
    write_file,
)
from shared.adapters.local.blob_paths import SUFFIX, check_key, file_of, folder_of, key_of
from shared.adapters.local.signed_urls import UrlSigner
from shared.domain.errors import Conflict, NotFound, Unavailable, VersionConflict
from shared.ports.blob_store import BlobInfo, SignedUpload

_STALE_SECONDS = 3600.0  # a temporary file that nobody wrote to for so long has no writer
_RENAME_TRIES = 20


class FileBlobStore:
    """`BlobStore` under `root`: objects in ``objects/``, unfinished ones in ``tmp/``.

    Folders are made with mode 0700, files with 0600. Temporary files that a killed process left
    behind are removed when a store is opened.
    """

    def __init__(self, root: Path, signer: UrlSigner) -> None:
        self._signer = signer
        with translated():
            for folder in (root, root / "objects", root / "tmp"):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._objects = (root / "objects").resolve()
            self._tmp = (root / "tmp").resolve()
            self._remove_stale()

    def put(
        self,
        key: str,
        chunks: Iterable[bytes],
        *,
        content_type: str | None = None,
        once: bool = False,
    ) -> BlobInfo:
        """Store an object; an error in `chunks` passes through and leaves nothing."""
        path = self._file(key)
        encoded_type = encode_type(content_type)
        temporary = self._tmp / uuid.uuid4().hex
        try:
            size, digest = write_file(temporary, chunks, encoded_type)
            if once:
                self._publish_once(key, temporary, path, digest.hex())
            else:
                self._publish(temporary, path, Path.replace)
        finally:
            with translated():
                temporary.unlink(missing_ok=True)
        return BlobInfo(
            key=key, size_bytes=size, version=digest.hex(), content_type=content_type or None
        )

    def put_file(self, key: str, path: Path, *, content_type: str | None = None) -> BlobInfo:
        """Store a copy of a file's bytes."""
        return self.put(key, chunks_of(path), content_type=content_type)

    def read(self, key: str) -> bytes:
        """The whole object."""
        return b"".join(self.stream(key))

    def stream(
        self, key: str, *, chunk_bytes: int = 1 << 20, version: str | None = None
    ) -> Iterator[bytes]:
        """The object in chunks; a replacement meanwhile does not reach an open stream."""
        return self._stream(key, self._file(key), chunk_bytes, version)

    def stat(self, key: str, *, version: str | None = None) -> BlobInfo:
        """Size, version and content type."""
        with opened(key, self._file(key)) as (_, layout):
            info = _info(key, layout)
        if version not in (None, info.version):
            raise NotFound(f"object {key!r} is no longer of the version that was named")
        return info

    def exists(self, key: str) -> bool:
        """Whether the key holds an object."""
        path = self._file(key)
        with translated():
            return path.is_file() and not path.is_symlink()

    def delete(self, key: str, *, version: str | None = None) -> None:
        """Erase one object, if it is of the version, and the folders that it leaves empty."""
        path = self._file(key)
        with suppress(NotFound):
            if version is not None and self.stat(key).version != version:
                return
        with translated():
            path.unlink(missing_ok=True)
            self._prune(path)

    def delete_prefix(self, prefix: str) -> int:
        """Erase every object below; returns how many this call erased."""
        folder = self._folder(prefix)
        erased = 0
        with translated():
            for path in self._files_below(folder):
                with suppress(FileNotFoundError):  # somebody else was quicker
                    path.unlink()
                    erased += 1
                self._prune(path)
        return erased

    def list(self, prefix: str) -> Iterator[BlobInfo]:
        """Objects below, ordered by key; one that vanishes meanwhile is left out."""
        folder = self._folder(prefix)
        with translated():
            found = sorted((key_of(self._objects, p), p) for p in self._files_below(folder))
        return self._infos(found)

    def sign_download(self, key: str, *, expires_in: float, filename: str | None = None) -> str:
        """A URL that reads this object for `expires_in` seconds."""
        return self._signer.sign_download(check_key(key), expires_in=expires_in, filename=filename)

    def sign_upload(
        self,
        key: str,
        *,
        expires_in: float,
        max_bytes: int,
        content_type: str | None = None,
        size_bytes: int | None = None,  # noqa: ARG002 - a PUT takes any size
    ) -> SignedUpload:
        """A PUT that stores at most `max_bytes` under this key."""
        return self._signer.sign_upload(
            check_key(key), expires_in=expires_in, max_bytes=max_bytes, content_type=content_type
        )

    def _file(self, key: str) -> Path:
        with translated():
            self._objects.stat()  # a volume that is not mounted holds no "absent" objects
            return file_of(self._objects, key)

    def _folder(self, prefix: str) -> Path:
        with translated():
            self._objects.stat()
            return folder_of(self._objects, prefix)

    def _stream(
        self, key: str, path: Path, chunk_bytes: int, version: str | None
    ) -> Iterator[bytes]:
        with opened(key, path) as (file, layout):
            if version is not None and layout.version != version:
                raise VersionConflict(f"object {key!r} is no longer of the version that was named")
            left = layout.size_bytes
            while left > 0:
                with translated():
                    chunk = file.read(min(chunk_bytes, left))
                if not chunk:
                    raise Unavailable(f"object {key!r} ends early", code="blob_damaged")
                left -= len(chunk)
                yield chunk

    def _infos(self, found: Iterable[tuple[str, Path]]) -> Iterator[BlobInfo]:
        for key, path in found:
            with suppress(NotFound):
                with opened(key, path) as (_, layout):
                    info = _info(key, layout)
                yield info

    def _publish_once(self, key: str, temporary: Path, path: Path, version: str) -> None:
        try:
            self._publish(temporary, path, place_once)
        except Conflict:
            with suppress(NotFound):
                if self.stat(key).version == version:
                    return  # the same bytes again, as when the first answer was lost
            raise

    @translated()
    def _publish(self, temporary: Path, path: Path, place: Callable[[Path, Path], object]) -> None:
        """Put it into place; again when a delete prunes the folder under our feet."""
        new_folders: set[Path] = set()
        for attempt in range(_RENAME_TRIES):
            try:
                new_folders |= {folder for folder in self._above(path) if not folder.exists()}
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                place(temporary, path)
            except (FileNotFoundError, FileExistsError):  # mkdir, too, can meet a pruned folder
                if attempt == _RENAME_TRIES - 1 or not temporary.exists():
                    raise
            else:
                break
        # The names must reach the disk as well: the object's own, and those of new folders.
        for folder in {path.parent, *(new.parent for new in new_folders)}:
            with suppress(FileNotFoundError):  # the object was deleted again meanwhile
                sync_folder(folder)

    def _above(self, path: Path) -> Iterator[Path]:
        """The folders between the root and a file, the innermost first."""
        for folder in path.parents:
            if folder == self._objects:
                return
            yield folder

    def _prune(self, path: Path) -> None:
        for empty in self._above(path):
            try:
                empty.rmdir()
            except FileNotFoundError:
                pass  # somebody else pruned it; its parent may be empty now
            except OSError:
                return  # not empty

    def _files_below(self, folder: Path) -> Iterator[Path]:
        for parent, _, names in os.walk(folder):  # does not follow links to folders
            for name in names:
                path = Path(parent, name)
                if name.endswith(SUFFIX) and not path.is_symlink():
                    yield path

    def _remove_stale(self) -> None:
        for path in self._tmp.iterdir():
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < time.time() - _STALE_SECONDS:
                    path.unlink()


def _info(key: str, layout: Layout) -> BlobInfo:
    return BlobInfo(
        key=key,
        size_bytes=layout.size_bytes,
        version=layout.version,
        content_type=layout.content_type,
    )
