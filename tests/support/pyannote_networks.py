"""Real networks for pyannote.audio out of the default models, since community-1 is gated.

`segmentation` rebuilds pyannote's own `PyanNet` with the weights of segmentation-3.0, which the
registry has as ONNX; `Ecapa` is a pyannote model around the ECAPA-TDNN of the embedded diarizer.
Only for the environment of `make test-pyannote`.
"""

from __future__ import annotations

from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from pyannote.audio.core.model import Model
from pyannote.audio.core.task import Problem, Resolution, Specifications
from pyannote.audio.models.segmentation import PyanNet
from scipy.optimize import least_squares

from gpu_job.engines.embedding import load_embedder

_HIDDEN = 128
_HALF = 125
_FILTERS = 40
_RATE = 16_000
_LEAST = 50.0  # Hz, added to each frequency by the filter bank
_LABELS = 3
Weights = dict[str, NDArray[Any]]


class Ecapa(Model):  # type: ignore[misc]  # pyannote ships no types
    """Embeds what the mask leaves of each waveform."""

    def __init__(
        self,
        folder: str = "",
        sample_rate: int = _RATE,
        num_channels: int = 1,
        task: object = None,
    ) -> None:
        super().__init__(sample_rate=sample_rate, num_channels=num_channels, task=task)
        self.save_hyperparameters("folder")
        self._embedder = load_embedder(Path(folder), threads=2)
        # Lightning takes a model's device from its parameters.
        self.scale = torch.nn.Parameter(torch.ones(1))

    @property
    def dimension(self) -> int:
        """Values of one voice print."""
        return 192

    def forward(self, waveforms: Any, weights: Any = None) -> Any:
        """(batch, 1, samples) and (batch, frames) to (batch, 192); NaN for too little speech."""
        prints = []
        for number, waveform in enumerate(waveforms[:, 0].numpy()):
            speech = waveform if weights is None else _masked(waveform, weights[number].numpy())
            enough = len(speech) >= _RATE // 10
            prints.append(self._embedder.embed(speech) if enough else np.full(192, np.nan))
        return torch.from_numpy(np.stack(prints).astype(np.float32))


def _masked(waveform: NDArray[np.float32], mask: NDArray[np.float32]) -> NDArray[np.float32]:
    frames = np.arange(len(waveform)) * len(mask) // len(waveform)
    return waveform[mask[frames] > 0]


def save_embedding(folder: Path, weights: Path) -> None:
    """Write a folder from which pyannote loads the embedding."""
    model = Ecapa(folder=str(weights))
    model.specifications = Specifications(
        problem=Problem.REPRESENTATION, resolution=Resolution.CHUNK, duration=5.0
    )
    _save(model, folder)


def save_segmentation(folder: Path, weights: Path) -> Any:
    """Write a folder from which pyannote loads the segmentation, and return the network."""
    model = PyanNet(lstm={"num_layers": 4})
    model.specifications = Specifications(
        problem=Problem.MONO_LABEL_CLASSIFICATION,
        resolution=Resolution.FRAME,
        duration=10.0,
        warm_up=(0.0, 0.0),
        classes=[f"speaker#{number + 1}" for number in range(_LABELS)],
        powerset_max_classes=2,
        permutation_invariant=True,
    )
    model.build()
    state = model.state_dict()
    found = _translated(_read(weights))
    expected = {name for name in state if not name.endswith((".window_", ".n_"))}
    assert set(found) == expected, expected ^ set(found)
    for name, values in found.items():
        state[name] = torch.from_numpy(np.array(values, dtype=np.float32)).reshape(
            state[name].shape
        )
    model.load_state_dict(state)
    model.eval()
    _save(model, folder)
    return model


def _save(model: Any, folder: Path) -> None:
    checkpoint = {
        "state_dict": model.state_dict(),
        "hyper_parameters": dict(model.hparams),
        "pytorch-lightning_version": version("lightning"),
    }
    model.on_save_checkpoint(checkpoint)
    folder.mkdir(parents=True)
    torch.save(checkpoint, folder / "pytorch_model.bin")


def _read(path: Path) -> tuple[Weights, list[Any]]:
    graph = onnx.load(str(path)).graph
    tensors = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
    return tensors, list(graph.node)


def _translated(read: tuple[Weights, list[Any]]) -> Weights:
    """Names of the exported graph to those of PyanNet."""
    tensors, nodes = read
    found: Weights = {name: t for name, t in tensors.items() if name.startswith("sincnet.")}
    norms = [node for node in nodes if node.op_type == "InstanceNormalization"]
    found["sincnet.wav_norm1d.weight"] = tensors[norms[0].input[1]]
    found["sincnet.wav_norm1d.bias"] = tensors[norms[0].input[2]]
    filters = next(t for name, t in tensors.items() if t.shape == (2 * _FILTERS, 1, 2 * _HALF + 1))
    low, band = _frequencies(filters[:, 0].astype(np.float64))
    found["sincnet.conv1d.0.filterbank.low_hz_"] = low
    found["sincnet.conv1d.0.filterbank.band_hz_"] = band
    for layer, node in enumerate(node for node in nodes if node.op_type == "LSTM"):
        found |= _lstm(layer, *(tensors[name] for name in node.input[1:4]))
    products = [node for node in nodes if node.op_type == "MatMul"]
    sums = {name: node for node in nodes if node.op_type == "Add" for name in node.input}
    for name, product in zip(("linear.0", "linear.1", "classifier"), products, strict=True):
        addition = sums[product.output[0]]
        bias = next(tensors[given] for given in addition.input if given in tensors)
        found[f"{name}.weight"] = tensors[product.input[1]].T
        found[f"{name}.bias"] = bias
    return found


def _lstm(layer: int, inputs: NDArray[Any], hidden: NDArray[Any], biases: NDArray[Any]) -> Weights:
    """ONNX orders the gates input, output, forget, cell; torch input, forget, cell, output."""
    found: Weights = {}
    for direction, suffix in enumerate(("", "_reverse")):
        first, second = np.split(biases[direction], 2)
        for name, values in (
            ("weight_ih", inputs[direction]),
            ("weight_hh", hidden[direction]),
            ("bias_ih", first),
            ("bias_hh", second),
        ):
            gate_in, gate_out, forget, cell = np.split(values, 4)
            found[f"lstm.{name}_l{layer}{suffix}"] = np.concatenate(
                (gate_in, forget, cell, gate_out)
            )
    return found


def _frequencies(filters: NDArray[np.float64]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Recover the band edges from which a sinc filter bank was computed, by least squares."""
    low, band = [], []
    for number in range(_FILTERS):
        even, odd = filters[number], filters[_FILTERS + number]
        spectrum = np.abs(np.fft.fft(even + 1j * odd, 1 << 14))
        passed = np.abs(np.fft.fftfreq(1 << 14, 1 / _RATE))[spectrum > spectrum.max() / 2]
        wanted = np.concatenate((even[:_HALF], odd[:_HALF]))
        fit = least_squares(
            partial(_difference, wanted),
            (passed.min(), passed.max() + 1.0),
            x_scale=10.0,
            xtol=1e-15,
            ftol=1e-15,
            gtol=1e-15,
        )
        low.append(fit.x[0] - _LEAST)
        band.append(fit.x[1] - fit.x[0] - _LEAST)
    return np.array(low), np.array(band)


def _difference(wanted: NDArray[Any], edges: NDArray[Any]) -> NDArray[Any]:
    difference: NDArray[Any] = _filter(edges[0], edges[1]) - wanted
    return difference


def _filter(low: float, high: float) -> NDArray[Any]:
    """The first halves of the even and the odd filter of a band (Hz)."""
    time = 2 * np.pi * np.arange(-_HALF, 0) / _RATE
    window = np.hamming(2 * _HALF + 1)[:_HALF] / (time * (high - low))
    even = (np.sin(high * time) - np.sin(low * time)) * window
    odd = (np.cos(low * time) - np.cos(high * time)) * window
    return np.concatenate((even, odd))
