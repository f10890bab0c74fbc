"""Reading tensors out of a PyTorch checkpoint without PyTorch and without running its pickle.

A checkpoint since torch 1.6 is a zip: ``<root>/data.pkl`` describes the tensors and
``<root>/data/<key>`` holds each storage's raw bytes. The unpickler here knows the four globals that
a plain state dict needs and refuses every other: a hostile file can name no function to call.
"""

from __future__ import annotations

import io
import pickle
import zipfile
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpu_job.models.download import DownloadFailed

Tensors = dict[str, NDArray[Any]]

_DTYPES = {"FloatStorage": "<f4", "LongStorage": "<i8"}


@dataclass(frozen=True, slots=True)
class _StorageType:
    dtype: str


def read_tensors(path: Path) -> Tensors:
    """Return the state dict's tensors by name.

    Raises:
        DownloadFailed: not such a checkpoint, or it asks for more than tensors.
    """
    try:
        with zipfile.ZipFile(path) as bundle:
            index = next(name for name in bundle.namelist() if name.endswith("/data.pkl"))
            tensors = _Unpickler(bundle, index).load()
    except (OSError, zipfile.BadZipFile, StopIteration, pickle.UnpicklingError, KeyError) as exc:
        msg = f"{path.name} is not a readable checkpoint: {exc}"
        raise DownloadFailed(msg) from exc
    return dict(tensors)


class _Unpickler(pickle.Unpickler):  # find_class below admits four names and no other
    def __init__(self, bundle: zipfile.ZipFile, index: str) -> None:
        super().__init__(io.BytesIO(bundle.read(index)))
        self._bundle = bundle
        self._root = index.removesuffix("data.pkl")

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild_tensor
        if module == "torch" and name in _DTYPES:
            return _StorageType(_DTYPES[name])
        msg = f"it names {module}.{name}, which no plain checkpoint needs"
        raise pickle.UnpicklingError(msg)

    def persistent_load(self, pid: Any) -> NDArray[Any]:
        kind, storage, key, _location, count = pid
        if kind != "storage" or not isinstance(storage, _StorageType):
            msg = "a storage of unknown kind"
            raise pickle.UnpicklingError(msg)
        data = np.frombuffer(self._bundle.read(f"{self._root}data/{key}"), dtype=storage.dtype)
        return data[:count]


def _rebuild_tensor(
    storage: NDArray[Any],
    offset: int,
    size: tuple[int, ...],
    stride: tuple[int, ...],
    *_ignored: object,
) -> NDArray[Any]:
    """Shape a storage. Only contiguous tensors: a state dict holds no others."""
    expected = tuple(int(np.prod(size[axis + 1 :])) for axis in range(len(size)))
    if stride != expected:
        msg = "a tensor that is not contiguous"
        raise pickle.UnpicklingError(msg)
    count = int(np.prod(size))
    return storage[offset : offset + count].reshape(size)
