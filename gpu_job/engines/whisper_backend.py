"""The thin layer over faster-whisper: three calls, and its results as our dataclasses."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from gpu_job.engines.chunks import samples_of
from gpu_job.engines.interruptible import engine_errors
from gpu_job.engines.ports import Audio, Region
from shared.domain.transcript import ExtraData, Segment, Word

_DETECTION_WINDOWS = 4
_FRAMES_PER_SECOND = 100


class WhisperBackend(Protocol):
    """What the engine needs of a Whisper implementation. Times are those of the whole audio."""

    def batched(
        self, audio: Audio, chunks: Sequence[Region], arguments: Mapping[str, Any]
    ) -> list[list[Segment]]:
        """Decode chunks together; one list of coarse segments for each."""
        ...

    def sequential(
        self, audio: Audio, chunk: Region, arguments: Mapping[str, Any]
    ) -> list[Segment]:
        """Decode one chunk with all of Whisper's fallbacks."""
        ...

    def detect_language(self, audio: Audio, chunks: Sequence[Region]) -> tuple[str, float]:
        """Return the language of the first chunks and its probability."""
        ...


class FasterWhisperBackend:
    """One loaded model."""

    def __init__(self, path: Path, *, device: str, compute_type: str | None, threads: int) -> None:
        from faster_whisper import BatchedInferencePipeline, WhisperModel

        with engine_errors("faster-whisper"):
            chosen = resolve_device(device)
            self._model: Any = WhisperModel(
                str(path),
                device=chosen,
                compute_type=compute_type or ("int8" if chosen == "cpu" else "float16"),
                cpu_threads=threads or available_cores(),
                local_files_only=True,
            )
            self._pipeline: Any = BatchedInferencePipeline(model=self._model)

    def batched(
        self, audio: Audio, chunks: Sequence[Region], arguments: Mapping[str, Any]
    ) -> list[list[Segment]]:
        """See `WhisperBackend`."""
        clips = [{"start": chunk.start, "end": chunk.end} for chunk in chunks]
        with engine_errors("faster-whisper"):
            found, _ = self._pipeline.transcribe(
                audio, clip_timestamps=clips, batch_size=len(clips), **arguments
            )
            grouped: list[list[Any]] = [[] for _ in chunks]
            for segment in found:
                grouped[_chunk_of(segment, chunks)].append(segment)
        return [list(_translate(group, offset=0.0)) for group in grouped]

    def sequential(
        self, audio: Audio, chunk: Region, arguments: Mapping[str, Any]
    ) -> list[Segment]:
        """See `WhisperBackend`."""
        with engine_errors("faster-whisper"):
            found, _ = self._model.transcribe(samples_of(audio, chunk), **arguments)
            return list(_translate(found, offset=chunk.start))

    def detect_language(self, audio: Audio, chunks: Sequence[Region]) -> tuple[str, float]:
        """Ask window after window until one is sure (above 0.5), else take the vote."""
        import numpy as np

        speech = np.concatenate([samples_of(audio, chunk) for chunk in chunks[:_DETECTION_WINDOWS]])
        with engine_errors("faster-whisper"):
            language, probability, _ = self._model.detect_language(
                speech, language_detection_segments=_DETECTION_WINDOWS
            )
        return str(language), float(probability)


def resolve_device(device: str) -> str:
    """``auto`` is the GPU when CTranslate2 sees one."""
    if device != "auto":
        return device
    import ctranslate2

    return "cuda" if ctranslate2.get_cuda_device_count() else "cpu"


def available_cores() -> int:
    """Cores that this process may use, which in a container is less than the machine's."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _chunk_of(segment: Any, chunks: Sequence[Region]) -> int:
    """Return the chunk that a segment came from, by `seek`: its chunk's start in hundredths.

    The segment's own times won't do: alignment may move them past the chunk's end.
    """
    start = segment.seek / _FRAMES_PER_SECOND
    return min(range(len(chunks)), key=lambda number: abs(chunks[number].start - start))


def _translate(found: Iterable[Any], *, offset: float) -> Iterable[Segment]:
    for number, segment in enumerate(found):
        words = tuple(
            Word(
                word=word.word,
                start=offset + float(word.start),
                end=offset + float(word.end),
                probability=float(word.probability),
            )
            for word in segment.words or ()
        )
        yield Segment(
            id=number,
            start=offset + float(segment.start),
            end=offset + float(segment.end),
            text=segment.text.strip(),
            words=words,
            extra_data=ExtraData(
                avg_logprob=float(segment.avg_logprob),
                compression_ratio=float(segment.compression_ratio),
                no_speech_prob=float(segment.no_speech_prob),
                temperature=float(segment.temperature),
            ),
        )
