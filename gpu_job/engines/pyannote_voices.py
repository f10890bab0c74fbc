"""What a pyannote pipeline heard, as bytes: enough to run its clustering anew without the audio.

A NumPy archive without pickled objects: the segmentation (one bit per local speaker and frame,
where the network decides so) and the voice prints of whoever is active in a window, unchanged.
A window starts each second: with 256 values a print, 4 MB for an hour of one voice at a time.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.domain.errors import WorkerError

#: Raised whenever what the archive holds changes its meaning.
VERSION = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """The windows of a segmentation: where the first one starts, their length and step (s)."""

    start: float
    duration: float
    step: float


@dataclass(frozen=True, kw_only=True, slots=True)
class PyannoteVoices:
    """The inputs of a pipeline's clustering.

    `segmentation` is (windows, frames, local speakers) float32, `prints` is (windows, local
    speakers, dimension) float32; both are empty where nobody speaks. `pipeline` names the
    pipeline that made them, for no other can compare its prints; `duration` in seconds.
    """

    pipeline: str
    duration: float
    window: Window
    segmentation: NDArray[np.float32]
    prints: NDArray[np.float32]


def silence(pipeline: str, duration: float) -> PyannoteVoices:
    """Nobody was heard."""
    return PyannoteVoices(
        pipeline=pipeline,
        duration=duration,
        window=Window(start=0.0, duration=0.0, step=0.0),
        segmentation=np.zeros((0, 0, 0), dtype=np.float32),
        prints=np.zeros((0, 0, 0), dtype=np.float32),
    )


def pack(voices: PyannoteVoices) -> bytes:
    """Write the archive."""
    data = voices.segmentation
    hard = bool(np.isin(data, (0.0, 1.0)).all())
    target = io.BytesIO()
    np.savez_compressed(
        target,
        pyannote=np.int64(VERSION),
        pipeline=np.frombuffer(voices.pipeline.encode(), dtype=np.uint8),
        duration=np.float64(voices.duration),
        window=np.array((voices.window.start, voices.window.duration, voices.window.step)),
        shape=np.array(data.shape, dtype=np.int64),
        hard=np.bool_(hard),
        segmentation=np.packbits(data > 0) if hard else data.astype(np.float32),
        dimension=np.int64(voices.prints.shape[2]),
        prints=voices.prints[_active(data)].astype(np.float32),
    )
    return target.getvalue()


def unpack(data: bytes, pipeline: str) -> PyannoteVoices:
    """Read the archive. The prints of whoever is silent in a window come back as ones.

    Args:
        data: of `pack`.
        pipeline: the one that is to read it.

    Raises:
        WorkerError: ``voices_unreadable``, not retryable: damaged, of another version or pipeline.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            if int(archive["pyannote"]) != VERSION:
                raise _unreadable(f"version {int(archive['pyannote'])} instead of {VERSION}")
            voices = _read(archive)
    except (KeyError, ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as exc:
        raise _unreadable("damaged, or of another diarizer") from exc
    if voices.pipeline != pipeline:
        raise _unreadable("another pyannote pipeline made them")
    return voices


def _read(archive: np.lib.npyio.NpzFile) -> PyannoteVoices:
    shape = tuple(int(length) for length in archive["shape"])
    stored = archive["segmentation"]
    if archive["hard"]:
        stored = np.unpackbits(stored, count=int(np.prod(shape)))
    segmentation = stored.reshape(shape).astype(np.float32)
    prints = np.ones((shape[0], shape[2], int(archive["dimension"])), dtype=np.float32)
    prints[_active(segmentation)] = archive["prints"]
    start, duration, step = (float(value) for value in archive["window"])
    return PyannoteVoices(
        pipeline=archive["pipeline"].tobytes().decode(),
        duration=float(archive["duration"]),
        window=Window(start=start, duration=duration, step=step),
        segmentation=segmentation,
        prints=prints,
    )


def _active(segmentation: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Who speaks at all in each window, (windows, local speakers)."""
    active: NDArray[np.bool_] = segmentation.sum(axis=1) > 0
    return active


def _unreadable(why: str) -> WorkerError:
    msg = f"the job's voices can't be read: {why}"
    return WorkerError(msg, code="voices_unreadable", retryable=False)
