"""The ECAPA-TDNN speaker embedding network as an ONNX graph.

Architecture: Desplanques, Thienpondt, Demuynck, "ECAPA-TDNN: Emphasized Channel Attention,
Propagation and Aggregation in TDNN Based Speaker Verification", Interspeech 2020
(https://arxiv.org/abs/2005.07143), with the layer order and the reflected padding that SpeechBrain
trained `spkrec-ecapa-voxceleb` with (activation before batch norm).

Input ``features``: (batch, frames, 80) log mel energies in dB. Output ``embedding``: (batch, 192).
All items of a batch have the same number of frames; the per-item mean over time is removed here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from gpu_job.models.torch_checkpoint import Tensors

MELS = 80
DIMENSION = 192
_DILATIONS = (2, 3, 4)
_SCALE = 8
_OPSET = 17
_IR_VERSION = 8
_BN_EPSILON = 1e-5
_VARIANCE_FLOOR = 1e-12


def build_ecapa(tensors: Tensors) -> onnx.ModelProto:
    """Build the model from the checkpoint's tensors.

    Raises:
        KeyError: a tensor of the network is missing.
    """
    graph = _Graph(tensors)
    mean = graph.op("ReduceMean", ["features"], axes=[1], keepdims=1)
    x = graph.op("Transpose", [graph.op("Sub", ["features", mean])], perm=[0, 2, 1])
    x = graph.tdnn("blocks.0", x, dilation=1)
    outputs = []
    for number, dilation in enumerate(_DILATIONS, start=1):
        x = _se_res2net(graph, f"blocks.{number}", x, dilation)
        outputs.append(x)
    x = graph.tdnn("mfa", graph.op("Concat", outputs, axis=1), dilation=1)
    pooled = graph.norm("asp_bn", _attentive_statistics(graph, x))
    embedding = graph.conv("fc.conv", pooled, dilation=1)
    axis = graph.constant(np.array([2], dtype=np.int64))
    graph.op("Squeeze", [embedding, axis], output="embedding")
    return graph.model()


def _se_res2net(graph: _Graph, prefix: str, x: str, dilation: int) -> str:
    """TDNN, Res2Net, TDNN, squeeze and excitation, with a residual connection."""
    y = graph.tdnn(f"{prefix}.tdnn1", x, dilation=1)
    chunks = graph.split(y, _SCALE)
    parts = [chunks[0]]
    for number, chunk in enumerate(chunks[1:]):
        entering = chunk if number == 0 else graph.op("Add", [chunk, parts[-1]])
        parts.append(graph.tdnn(f"{prefix}.res2net_block.blocks.{number}", entering, dilation))
    y = graph.tdnn(f"{prefix}.tdnn2", graph.op("Concat", parts, axis=1), dilation=1)
    squeezed = graph.op("ReduceMean", [y], axes=[2], keepdims=1)
    gate = graph.op("Relu", [graph.conv(f"{prefix}.se_block.conv1.conv", squeezed, dilation=1)])
    gate = graph.op("Sigmoid", [graph.conv(f"{prefix}.se_block.conv2.conv", gate, dilation=1)])
    return graph.op("Add", [graph.op("Mul", [gate, y]), x])


def _attentive_statistics(graph: _Graph, x: str) -> str:
    """Mean and deviation over time, weighted by attention that sees the global context.

    The context (mean and deviation) is the same for all frames, so its part of the first
    attention layer is computed once and added, instead of being repeated for every frame.
    """
    weight = graph.tensors["asp.tdnn.conv.conv.weight"]
    channels = weight.shape[1] // 3
    frame_weight = graph.constant(np.ascontiguousarray(weight[:, :channels]))
    context_weight = graph.constant(np.ascontiguousarray(weight[:, channels:]))
    bias = graph.constant(graph.tensors["asp.tdnn.conv.conv.bias"])
    mean = graph.op("ReduceMean", [x], axes=[2], keepdims=1)
    squares = graph.op("Pow", [graph.op("Sub", [x, mean]), graph.scalar(2.0)])
    variance = graph.op("ReduceMean", [squares], axes=[2], keepdims=1)
    context = graph.op("Concat", [mean, _deviation(graph, variance)], axis=1)
    frames = graph.op("Conv", [x, frame_weight, bias], kernel_shape=[1])
    attention = graph.op(
        "Add", [frames, graph.op("Conv", [context, context_weight], kernel_shape=[1])]
    )
    attention = graph.norm("asp.tdnn.norm", graph.op("Relu", [attention]))
    attention = graph.conv("asp.conv.conv", graph.op("Tanh", [attention]), dilation=1)
    weights = graph.op("Softmax", [attention], axis=2)
    axes = graph.constant(np.array([2], dtype=np.int64))
    mean = graph.op("ReduceSum", [graph.op("Mul", [weights, x]), axes], keepdims=1)
    squares = graph.op("Pow", [graph.op("Sub", [x, mean]), graph.scalar(2.0)])
    variance = graph.op("ReduceSum", [graph.op("Mul", [weights, squares]), axes], keepdims=1)
    return graph.op("Concat", [mean, _deviation(graph, variance)], axis=1)


def _deviation(graph: _Graph, variance: str) -> str:
    return graph.op("Sqrt", [graph.op("Max", [variance, graph.scalar(_VARIANCE_FLOOR)])])


class _Graph:
    """Collects nodes and constants; names outputs by their position."""

    def __init__(self, tensors: Tensors) -> None:
        self.tensors = tensors
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def op(self, kind: str, inputs: Sequence[str], output: str = "", **attributes: Any) -> str:
        name = output or f"{kind}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def constant(self, value: NDArray[Any]) -> str:
        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def scalar(self, value: float) -> str:
        return self.constant(np.array(value, dtype=np.float32))

    def split(self, x: str, parts: int) -> list[str]:
        """Cut the channels into equal parts."""
        channels = self.tensors["blocks.0.conv.conv.weight"].shape[0]
        sizes = self.constant(np.full(parts, channels // parts, dtype=np.int64))
        names = [f"Split_{len(self._nodes)}_{part}" for part in range(parts)]
        self._nodes.append(helper.make_node("Split", [x, sizes], names, axis=1))
        return names

    def conv(self, prefix: str, x: str, dilation: int) -> str:
        """Convolve over time, the edges reflected so that the length stays."""
        weight = self.tensors[f"{prefix}.weight"]
        kernel = weight.shape[2]
        padding = dilation * (kernel - 1) // 2
        if padding:
            pads = self.constant(np.array([0, 0, padding, 0, 0, padding], dtype=np.int64))
            x = self.op("Pad", [x, pads], mode="reflect")
        inputs = [x, self.constant(weight), self.constant(self.tensors[f"{prefix}.bias"])]
        return self.op("Conv", inputs, kernel_shape=[kernel], dilations=[dilation])

    def norm(self, prefix: str, x: str) -> str:
        """Batch normalization with the trained statistics, as one scale and one shift."""
        values = {
            part: self.tensors[f"{prefix}.norm.{part}"].astype(np.float64)
            for part in ("weight", "bias", "running_mean", "running_var")
        }
        scale = values["weight"] / np.sqrt(values["running_var"] + _BN_EPSILON)
        shift = values["bias"] - values["running_mean"] * scale
        scaled = self.op("Mul", [x, self.constant(scale.astype(np.float32)[:, None])])
        return self.op("Add", [scaled, self.constant(shift.astype(np.float32)[:, None])])

    def tdnn(self, prefix: str, x: str, dilation: int) -> str:
        """Convolution, rectifier, normalization."""
        rectified = self.op("Relu", [self.conv(f"{prefix}.conv.conv", x, dilation)])
        return self.norm(f"{prefix}.norm", rectified)

    def model(self) -> onnx.ModelProto:
        shapes: dict[str, list[str | int | None]] = {
            "features": ["batch", "frames", MELS],
            "embedding": ["batch", DIMENSION],
        }
        infos = {
            name: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in shapes.items()
        }
        graph = helper.make_graph(
            self._nodes, "ecapa-tdnn", [infos["features"]], [infos["embedding"]], self._constants
        )
        opset = [helper.make_opsetid("", _OPSET)]
        return helper.make_model(graph, opset_imports=opset, ir_version=_IR_VERSION)
