"""From keys to files and back, so that no two keys meet and none leads out of the root.

Each segment is percent-encoded, and the last one ends in ``%blob``. A percent sign is always
followed by two hex digits in an encoded segment, so that a file is never named like a folder:
``a`` and ``a/b`` can both be objects, as in an object store. The file system must tell upper from
lower case for keys to do so.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote, unquote

from shared.domain.errors import InvalidRequest

SUFFIX = "%blob"

_MAX_KEY_BYTES = 1024  # as in S3 and Google Cloud Storage
_MAX_NAME_BYTES = 255  # of one file name on the file systems in use
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\\\ud800-\udfff]")


def check_key(key: str) -> str:
    """Return the key.

    Raises:
        InvalidRequest: code ``invalid_key``.
    """
    segments = key.split("/")
    if _FORBIDDEN.search(key) or any(segment in ("", ".", "..") for segment in segments):
        msg = "key must be relative, of non-empty segments without '..', '\\' or control characters"
        raise InvalidRequest(msg, code="invalid_key", field="key")
    longest = max(len(quote(segment, safe="")) for segment in segments) + len(SUFFIX)
    if len(key.encode()) > _MAX_KEY_BYTES or longest > _MAX_NAME_BYTES:
        msg = f"key is longer than {_MAX_KEY_BYTES} bytes, or a segment is than {_MAX_NAME_BYTES}"
        raise InvalidRequest(msg, code="invalid_key", field="key")
    return key


def folder_of(root: Path, prefix: str) -> Path:
    """The folder of all objects whose key begins with ``prefix + "/"``.

    Raises:
        InvalidRequest: code ``invalid_key``, also when a symbolic link leads out of the root.
    """
    folder = root.joinpath(*(quote(segment, safe="") for segment in check_key(prefix).split("/")))
    return _inside(root, folder)


def file_of(root: Path, key: str) -> Path:
    """The file of an object; raises as `folder_of` does."""
    *folders, name = (quote(segment, safe="") for segment in check_key(key).split("/"))
    return _inside(root, root.joinpath(*folders)) / (name + SUFFIX)


def key_of(root: Path, file: Path) -> str:
    """The key of a file that `file_of` named."""
    encoded = file.relative_to(root).as_posix().removesuffix(SUFFIX)
    return "/".join(unquote(segment) for segment in encoded.split("/"))


def _inside(root: Path, folder: Path) -> Path:
    if not folder.resolve().is_relative_to(root):
        raise InvalidRequest("key leads out of the store", code="invalid_key", field="key")
    return folder
