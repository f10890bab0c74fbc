"""From keys to files and back, so that no two keys meet and none leads out of the root.

Each segment is percent-encoded, and the last one ends in ``%blob``. A percent sign is always
followed by two hex digits in an encoded segment, so that a file is never named like a folder:
``a`` and ``a/b`` can both be objects, as in an object store. The file system must tell upper from
lower case for keys to do so.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, unquote

from shared.domain import blob_keys
from shared.domain.errors import InvalidRequest

SUFFIX = "%blob"

_MAX_NAME_BYTES = 255  # of one file name on the file systems in use


def check_key(key: str) -> str:
    """Return the key.

    Raises:
        InvalidRequest: code ``invalid_key``, also when a segment is too long for a file's name.
    """
    for segment in blob_keys.check_key(key).split("/"):
        if len(quote(segment, safe="")) + len(SUFFIX) > _MAX_NAME_BYTES:
            msg = f"a segment of the key is longer than {_MAX_NAME_BYTES} bytes, encoded"
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
