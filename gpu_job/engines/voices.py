"""What the embedded diarizer heard, as bytes: enough to group the voices anew without the audio.

A NumPy archive without pickled objects. Activity is four bits per local speaker and frame, voice
prints a byte a component (errors of at most 0.003 in a cosine were measured): about 0.6 MB for an
hour of speech.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gpu_job.engines.embedding import Vector, VoicePrint
from gpu_job.engines.segmentation import FRAMES, LEVELS, LOCAL_SPEAKERS, Activity
from shared.domain.errors import WorkerError

#: Raised whenever what the archive holds changes its meaning.
VERSION = 3
#: Of a level of activity.
_BITS = 4
#: The largest component of a voice print, packed.
_LARGEST = 127


@dataclass(frozen=True, kw_only=True, slots=True)
class Voices:
    """How likely who is active in each window, and the prints of who is; `duration` in seconds."""

    duration: float
    activity: Sequence[Activity]
    prints: Sequence[VoicePrint]


def pack(voices: Voices) -> bytes:
    """Write the archive."""
    activity = np.zeros((len(voices.activity), FRAMES, LOCAL_SPEAKERS), dtype=np.uint8)
    if voices.activity:
        activity[:] = np.stack(voices.activity)
    levels = activity.ravel()
    pairs = np.pad(levels, (0, len(levels) % 2)).reshape(-1, 2)
    target = io.BytesIO()
    np.savez_compressed(
        target,
        version=np.int64(VERSION),
        duration=np.float64(voices.duration),
        windows=np.int64(len(activity)),
        activity=pairs[:, 0] << _BITS | pairs[:, 1],
        places=np.array([(p.window, p.speaker) for p in voices.prints], dtype=np.int32),
        seconds=np.array([item.seconds for item in voices.prints], dtype=np.float32),
        vectors=np.array([_rounded(item.vector) for item in voices.prints], dtype=np.int8),
    )
    return target.getvalue()


def _rounded(vector: Vector) -> Vector:
    """Scale to whole numbers; the scale is not kept, since a print has unit length."""
    rounded: Vector = np.rint(vector * (_LARGEST / max(float(np.abs(vector).max()), 1e-9)))
    return rounded


def unpack(data: bytes) -> Voices:
    """Read the archive; vectors are scaled to unit length again.

    Raises:
        WorkerError: ``voices_unreadable``, not retryable: damaged, or another version's.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            if int(archive["version"]) != VERSION:
                raise _unreadable(f"version {int(archive['version'])} instead of {VERSION}")
            return _read(archive)
    except (KeyError, ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as exc:
        raise _unreadable("damaged") from exc


def _read(archive: np.lib.npyio.NpzFile) -> Voices:
    shape = (int(archive["windows"]), FRAMES, LOCAL_SPEAKERS)
    pairs = archive["activity"]
    levels = np.stack([pairs >> _BITS, pairs & LEVELS], axis=1).ravel()[: int(np.prod(shape))]
    vectors = archive["vectors"].astype(np.float32)
    if len(vectors):
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    prints = [
        VoicePrint(window=int(window), speaker=int(speaker), seconds=float(seconds), vector=vector)
        for (window, speaker), seconds, vector in zip(
            archive["places"], archive["seconds"], vectors, strict=True
        )
    ]
    return Voices(
        duration=float(archive["duration"]),
        activity=list(levels.reshape(shape)),
        prints=prints,
    )


def _unreadable(why: str) -> WorkerError:
    msg = f"the job's voices can't be read: {why}"
    return WorkerError(msg, code="voices_unreadable", retryable=False)
