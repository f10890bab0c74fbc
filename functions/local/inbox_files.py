"""What lies in the watched folder: which files are audio, whose, and whether they are whole."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ERROR_SUFFIX = ".error.txt"
SIDECAR_SUFFIX = ".json"
DONE_FOLDER = ".done"

#: Bytes of a name in the usual file systems; an extension longer than that is none.
_LONGEST_NAME = 255
_LONGEST_EXTENSION = 16

#: Names under which programs keep a file while they still write it.
_UNFINISHED = (".part", ".partial", ".tmp", ".crdownload", ".download", "~")


@dataclass(frozen=True, kw_only=True, slots=True)
class Signature:
    """Changes when a file's content is written or replaced (size in bytes, time in ns)."""

    size: int
    modified_ns: int
    inode: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Dropped:
    """A file of a tenant; `name` is its path within the tenant's folder, with ``/``."""

    tenant: str
    name: str
    path: Path
    signature: Signature

    @property
    def sidecar(self) -> Path:
        """Where its options may lie."""
        return self.path.with_name(self.path.name + SIDECAR_SUFFIX)

    @property
    def error_file(self) -> Path:
        """Where a refusal is told."""
        return self.path.with_name(fitting_name(self.path.name, suffix=ERROR_SUFFIX))

    @property
    def fingerprint(self) -> str:
        """32 hex digits that stay the same as long as this very file lies there unchanged."""
        mark = self.signature
        parts = f"{self.name}\0{mark.size}\0{mark.modified_ns}\0{mark.inode}"
        return hashlib.sha256(parts.encode(errors="surrogateescape")).hexdigest()[:32]


def scan(root: Path) -> Iterator[Dropped]:
    """Every audio file in every tenant's folder, folders within it included.

    Left out: names that begin with a dot, unfinished downloads, sidecars, error files, links. A
    file right in the root has no tenant; it comes with an empty one.
    """
    for folder, folders, names in os.walk(root):  # does not follow links to folders
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            found = _look(root, Path(folder, name)) if _is_audio(name) else None
            if found is not None:
                yield found


def signature_of(path: Path) -> Signature | None:
    """The signature of a regular file; None when there is none (any more)."""
    try:
        status = path.lstat()
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return Signature(size=status.st_size, modified_ns=status.st_mtime_ns, inode=status.st_ino)


def read_beside(path: Path, *, most_bytes: int) -> bytes | None:
    """At most so many bytes of a file that somebody put beside the audio; None when there is none.

    Raises:
        OSError: it can't be read, or is a link or a pipe, which would lead elsewhere or block.
    """
    try:
        with _open_plain(path, os.O_RDONLY) as file:
            return file.read(most_bytes)
    except OSError as exc:
        if exc.errno in (errno.ENOENT, errno.ENAMETOOLONG):  # none can be there
            return None
        raise


def write_beside(path: Path, text: str) -> None:
    """Write a text for people; a link that lies there is not followed.

    Raises:
        OSError: it can't be written.
    """
    with _open_plain(path, os.O_WRONLY | os.O_CREAT) as file:
        file.truncate(0)
        file.write(text.encode("utf-8", "replace"))  # names may hold bytes that are no UTF-8


def fitting_name(name: str, *, prefix: str = "", suffix: str = "") -> str:
    """`prefix`, a file's name and `suffix`, the name cut where a file system would refuse more.

    What is cut is the middle, so that the name's beginning and its extension stay to be read.
    """
    room = _LONGEST_NAME - len(os.fsencode(prefix)) - len(os.fsencode(suffix))
    if len(os.fsencode(name)) <= room:
        return f"{prefix}{name}{suffix}"
    extension = Path(name).suffix
    if len(os.fsencode(extension)) > _LONGEST_EXTENSION:
        extension = ""
    kept = os.fsencode(name)[: room - len(os.fsencode(extension))]
    # A character that the cut falls into is left out.
    return f"{prefix}{kept.decode('utf-8', 'ignore')}{extension}{suffix}"


def display_name(path: Path) -> str:
    """A file's name as text that every answer and log can hold."""
    name = os.fsencode(path.name).decode("utf-8", "replace")
    return "".join(char if char.isprintable() else "_" for char in name)


def _open_plain(path: Path, flags: int) -> IO[bytes]:
    """Whoever may drop files may also put links and pipes there, and the server may do more."""
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file")
    return os.fdopen(descriptor, "rb" if flags == os.O_RDONLY else "wb")


def _look(root: Path, path: Path) -> Dropped | None:
    signature = signature_of(path)
    if signature is None:
        return None
    parts = path.relative_to(root).parts
    tenant = parts[0] if len(parts) > 1 else ""
    name = "/".join(parts[1:] or parts)
    return Dropped(tenant=tenant, name=name, path=path, signature=signature)


def _is_audio(name: str) -> bool:
    lowered = name.lower()
    hidden = name.startswith(".") or lowered.endswith((*_UNFINISHED, ERROR_SUFFIX))
    return not hidden and not lowered.endswith(SIDECAR_SUFFIX)
