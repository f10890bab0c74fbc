from __future__ import annotations

import io
import os
import pickle
import sys
import types
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray

from gpu_job.models.convert import convert_ecapa
from gpu_job.models.download import DownloadFailed
from gpu_job.models.torch_checkpoint import read_tensors

CHANNELS = 16


class FloatStorage:
    """Stands for torch's class of that name while a checkpoint is written."""


def _rebuild_tensor_v2(*_: object) -> None:
    """Only its name matters."""


class _Tensor:
    def __init__(self, key: str, shape: tuple[int, ...], stride: tuple[int, ...]) -> None:
        self.key, self.shape, self.stride = key, shape, stride

    def __reduce__(self) -> tuple[Any, ...]:
        storage = _Storage(self.key, int(np.prod(self.shape)))
        return _rebuild_tensor_v2, (storage, 0, self.shape, self.stride, False, OrderedDict())


class _Storage:
    def __init__(self, key: str, count: int) -> None:
        self.key, self.count = key, count


class _Pickler(pickle.Pickler):
    def persistent_id(self, obj: Any) -> Any:
        if isinstance(obj, _Storage):
            return ("storage", FloatStorage, obj.key, "cpu", obj.count)
        return None


@pytest.fixture
def fake_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """The names that a checkpoint's pickle refers to, importable while it is written."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    torch.FloatStorage = FloatStorage  # type: ignore[attr-defined]
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)
    monkeypatch.setattr(FloatStorage, "__module__", "torch")
    monkeypatch.setattr(_rebuild_tensor_v2, "__module__", "torch._utils")


def _checkpoint(path: Path, arrays: dict[str, NDArray[np.float32]], *, flip: bool = False) -> Path:
    tensors = OrderedDict()
    with zipfile.ZipFile(path, "w") as bundle:
        for key, (name, array) in enumerate(arrays.items()):
            strides = tuple(step // 4 for step in np.ascontiguousarray(array).strides)
            tensors[name] = _Tensor(str(key), array.shape, strides[::-1] if flip else strides)
            bundle.writestr(f"archive/data/{key}", array.tobytes())
        stream = io.BytesIO()
        _Pickler(stream, protocol=2).dump(tensors)
        bundle.writestr("archive/data.pkl", stream.getvalue())
    return path


def _small_network(seed: int = 3) -> dict[str, NDArray[np.float32]]:
    """A network of the right shape with few channels and random weights."""
    rng = np.random.default_rng(seed)
    tensors: dict[str, NDArray[np.float32]] = {}

    def conv(name: str, out: int, entering: int, kernel: int) -> None:
        tensors[f"{name}.weight"] = rng.normal(0, 0.2, (out, entering, kernel)).astype(np.float32)
        tensors[f"{name}.bias"] = rng.normal(0, 0.1, out).astype(np.float32)

    def norm(name: str, channels: int) -> None:
        for part in ("weight", "bias", "running_mean", "running_var"):
            tensors[f"{name}.norm.{part}"] = rng.uniform(0.5, 1, channels).astype(np.float32)

    def tdnn(name: str, out: int, entering: int, kernel: int) -> None:
        conv(f"{name}.conv.conv", out, entering, kernel)
        norm(f"{name}.norm", out)

    tdnn("blocks.0", CHANNELS, 80, 5)
    for block in (1, 2, 3):
        tdnn(f"blocks.{block}.tdnn1", CHANNELS, CHANNELS, 1)
        for part in range(7):
            tdnn(f"blocks.{block}.res2net_block.blocks.{part}", CHANNELS // 8, CHANNELS // 8, 3)
        tdnn(f"blocks.{block}.tdnn2", CHANNELS, CHANNELS, 1)
        conv(f"blocks.{block}.se_block.conv1.conv", 4, CHANNELS, 1)
        conv(f"blocks.{block}.se_block.conv2.conv", CHANNELS, 4, 1)
    tdnn("mfa", 3 * CHANNELS, 3 * CHANNELS, 1)
    tdnn("asp.tdnn", 8, 9 * CHANNELS, 1)
    conv("asp.conv.conv", 3 * CHANNELS, 8, 1)
    norm("asp_bn", 6 * CHANNELS)
    conv("fc.conv", 192, 6 * CHANNELS, 1)
    return tensors


@pytest.mark.usefixtures("fake_torch")
def test_tensors_come_back_as_they_were_saved(tmp_path: Path) -> None:
    arrays = {
        "matrix": np.arange(6, dtype=np.float32).reshape(2, 3),
        "vector": np.array([1.5, -2.0], dtype=np.float32),
    }
    read = read_tensors(_checkpoint(tmp_path / "x.ckpt", arrays))
    assert set(read) == set(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(read[name], array)


@pytest.mark.usefixtures("fake_torch")
def test_a_transposed_tensor_is_refused_rather_than_misread(tmp_path: Path) -> None:
    arrays = {"matrix": np.zeros((2, 3), dtype=np.float32)}
    with pytest.raises(DownloadFailed, match="not contiguous"):
        read_tensors(_checkpoint(tmp_path / "x.ckpt", arrays, flip=True))


def test_a_pickle_that_wants_to_run_something_is_refused(tmp_path: Path) -> None:
    class Attack:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(tmp_path / "pwned"),)

    with zipfile.ZipFile(tmp_path / "x.ckpt", "w") as bundle:
        bundle.writestr("archive/data.pkl", pickle.dumps(Attack()))
    with pytest.raises(DownloadFailed, match="mkdir"):
        read_tensors(tmp_path / "x.ckpt")
    assert not (tmp_path / "pwned").exists()


@pytest.mark.usefixtures("fake_torch")
def test_the_rebuilt_network_ignores_loudness_and_takes_any_length(tmp_path: Path) -> None:
    checkpoint = _checkpoint(tmp_path / "x.ckpt", _small_network())
    convert_ecapa(checkpoint, tmp_path / "x.onnx")
    onnx.checker.check_model(str(tmp_path / "x.onnx"))
    session = onnxruntime.InferenceSession(tmp_path / "x.onnx")
    rng = np.random.default_rng(1)
    for frames in (12, 57):
        features = rng.normal(0, 10, (2, frames, 80)).astype(np.float32)
        (plain,) = session.run(None, {"features": features})
        (louder,) = session.run(None, {"features": features + 6.0})
        assert plain.shape == (2, 192)
        assert np.abs(plain[0] - plain[1]).max() > 0.01
        np.testing.assert_allclose(louder, plain, atol=1e-3)


@pytest.mark.usefixtures("fake_torch")
def test_another_network_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    tensors = _small_network()
    del tensors["mfa.conv.conv.bias"]
    checkpoint = _checkpoint(tmp_path / "x.ckpt", tensors)
    with pytest.raises(DownloadFailed, match=r"mfa\.conv\.conv\.bias"):
        convert_ecapa(checkpoint, tmp_path / "x.onnx")
    (tmp_path / "y.ckpt").write_bytes(b"no zip")
    with pytest.raises(DownloadFailed, match="not a readable checkpoint"):
        convert_ecapa(tmp_path / "y.ckpt", tmp_path / "x.onnx")
    assert not (tmp_path / "x.onnx").exists()
