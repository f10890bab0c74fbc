"""ONNX Runtime sessions with our thread count and our errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpu_job.engines.whisper_backend import available_cores
from shared.domain.errors import WorkerError


class OnnxSession:
    """One network with one output."""

    def __init__(self, path: Path, *, threads: int = 0) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or available_cores()
        options.inter_op_num_threads = 1
        # The arena keeps the largest batch's memory for good, and inputs here vary in length.
        options.enable_cpu_mem_arena = False
        # Threads that spin while they wait took a third more CPU time and saved none of the clock.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._name = path.name
        self._faults = _native_faults()
        try:
            self._session: Any = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except self._faults as exc:
            msg = f"{path.name} can't be loaded: {exc}"
            raise WorkerError(msg[:500], code="engine_failed") from exc
        self._input = self._session.get_inputs()[0].name

    def run(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run the network on its one input.

        Raises:
            WorkerError: ``out_of_memory`` or ``engine_failed``.
        """
        try:
            (result,) = self._session.run(None, {self._input: values})
        except self._faults as exc:
            exhausted = any(word in str(exc).lower() for word in ("alloc", "out of memory"))
            code = "out_of_memory" if exhausted else "engine_failed"
            msg = f"{self._name} failed: {exc}"
            raise WorkerError(msg[:500], code=code) from exc
        output: NDArray[np.float32] = result
        return output


def _native_faults() -> tuple[type[Exception], ...]:
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    return (
        state.Fail,
        state.InvalidArgument,
        state.InvalidGraph,
        state.InvalidProtobuf,
        state.NoSuchFile,
        state.NotImplemented,
        state.RuntimeException,
    )
