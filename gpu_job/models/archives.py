"""Taking named members out of a wheel or a source archive, and nothing else.

Members are read by exact name and streamed to a path of our choosing: no path of the archive is
ever used as a target, nothing is installed, and no code of the package runs.
"""

from __future__ import annotations

import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from gpu_job.models.download import DownloadFailed

_BLOCK = 1 << 20


def join_members(parts: Sequence[tuple[Path, str]], target: Path, *, limit: int | None) -> None:
    """Write members ``(archive, name)`` one after another into `target`.

    Args:
        parts: in the order in which they make up the file.
        target: replaced only when the file is whole.
        limit: bytes that the file has by the registry; more is refused (an archive bomb).

    Raises:
        DownloadFailed: a member is absent, not a regular file, damaged, or too large.
    """
    partial = target.with_name(target.name + ".unpack")
    written = 0
    with partial.open("wb") as stream:
        for archive, name in parts:
            for block in _read(archive, name):
                written += len(block)
                if limit is not None and written > limit:
                    msg = f"{target.name} in {archive.name} is larger than {limit} bytes"
                    raise DownloadFailed(msg)
                stream.write(block)
    partial.replace(target)


def _read(archive: Path, name: str) -> Iterator[bytes]:
    opener = _zip_member if zipfile.is_zipfile(archive) else _tar_member
    try:
        with opener(archive, name) as stream:
            while block := stream.read(_BLOCK):
                yield block
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError) as exc:
        msg = f"{archive.name} is damaged: {exc}"
        raise DownloadFailed(msg) from exc
    except KeyError as exc:
        msg = f"{archive.name} has no regular file {name}"
        raise DownloadFailed(msg) from exc


@contextmanager
def _zip_member(archive: Path, name: str) -> Iterator[IO[bytes]]:
    with zipfile.ZipFile(archive) as bundle, bundle.open(name) as stream:
        yield stream


@contextmanager
def _tar_member(archive: Path, name: str) -> Iterator[IO[bytes]]:
    with tarfile.open(archive) as bundle:
        member = bundle.getmember(name)
        stream = bundle.extractfile(member) if member.isreg() else None
        if stream is None:
            raise KeyError(name)
        with stream:
            yield stream
