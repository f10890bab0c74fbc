"""The thin layer over faster-whisper: three calls, and its results as our dataclasses."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from gpu_job.engines.interruptible import engine_errors
from gpu_job.engines.ports import SAMPLE_RATE, Audio
from shared.domain.transcript import ExtraData, Segment, Word

_FRAMES_PER_SECOND = 100
#: The alignment (dynamic time warping over cross-attention) is early by so much: the median over
#: 1,880 borders inside speech, against an alignment by hidden Markov models, which is itself early
#: by half a frame (0.055 s and 0.01 s).
_LEAD_SECONDS = 0.06
#: The silence that is kept after speech, and a last sound that the alignment cuts.
_TAIL_SECONDS = 1.0
#: Clips begin at quarters of a second, which floats and faster-whisper's hundredths hit exactly.
_CLIP_STEP = SAMPLE_RATE // 4


class WhisperBackend(Protocol):
    """What the engine needs of a Whisper implementation.

    A window is up to 30 s of samples; times are those in the window.
    """

    def batched(
        self, windows: Sequence[Audio], arguments: Mapping[str, Any]
    ) -> list[list[Segment]]:
        """Decode windows together; one list of coarse segments for each."""
        ...

    def sequential(self, window: Audio, arguments: Mapping[str, Any]) -> list[Segment]:
        """Decode one window with all of Whisper's fallbacks."""
        ...

    def language_probabilities(
        self, window: Audio, *, shortest: float = 30.0
    ) -> Mapping[str, float]:
        """Return the probability of each language that the model knows, by its code.

        What is shorter than so many seconds is filled up with silence. Whisper has learned from
        30 s; less is quicker, and a little less sure.
        """
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
                compute_type=compute_type or default_compute_type(chosen),
                cpu_threads=threads or available_cores(),
                local_files_only=True,
            )
            self._pipeline: Any = BatchedInferencePipeline(model=self._model)

    def batched(
        self, windows: Sequence[Audio], arguments: Mapping[str, Any]
    ) -> list[list[Segment]]:
        """See `WhisperBackend`."""
        audio, clips = _one_after_another(windows)
        with engine_errors("faster-whisper"):
            found, _ = self._pipeline.transcribe(
                audio, clip_timestamps=clips, batch_size=len(clips), **arguments
            )
            starts = [clip["start"] for clip in clips]
            grouped: list[list[Any]] = [[] for _ in windows]
            for segment in found:
                # By `seek`, because alignment may move a segment's times out of its clip.
                grouped[bisect_right(starts, segment.seek / _FRAMES_PER_SECOND) - 1].append(segment)
        return [
            list(_translate(group, shift=-start))
            for start, group in zip(starts, grouped, strict=True)
        ]

    def sequential(self, window: Audio, arguments: Mapping[str, Any]) -> list[Segment]:
        """See `WhisperBackend`."""
        with engine_errors("faster-whisper"):
            found, info = self._model.transcribe(window, **arguments)
            heard = _without_tail(found, info.transcription_options, len(window) / SAMPLE_RATE)
            return list(_translate(heard, shift=0.0))

    def language_probabilities(
        self, window: Audio, *, shortest: float = 30.0
    ) -> Mapping[str, float]:
        """See `WhisperBackend`."""
        missing = round(shortest * SAMPLE_RATE) - len(window)
        with engine_errors("faster-whisper"):
            features = self._model.feature_extractor(
                np.pad(window, (0, max(0, missing))), padding=0
            )
            # The encoder halves the frames; it takes no more than 30 s, and fewer are quicker.
            frames = min(features.shape[-1] // 2 * 2, self._model.feature_extractor.nb_max_frames)
            encoded = self._model.encode(features[..., :frames])
            (found,) = self._model.model.detect_language(encoded)
        return {str(token)[2:-2]: float(probability) for token, probability in found}


def resolve_device(device: str) -> str:
    """``auto`` is the GPU when CTranslate2 sees one."""
    if device != "auto":
        return device
    import ctranslate2

    return "cuda" if ctranslate2.get_cuda_device_count() else "cpu"


def default_compute_type(device: str) -> str:
    """What is quick without harm: CPUs multiply bytes fastest, GPUs halves."""
    return "int8" if device == "cpu" else "float16"


def available_cores() -> int:
    """Cores that this process may use, which in a container is less than the machine's."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _one_after_another(windows: Sequence[Audio]) -> tuple[Audio, list[dict[str, float]]]:
    """Join windows, and return with them where each begins and ends (seconds)."""
    clips = []
    position = 0
    padded = []
    for window in windows:
        clips.append(
            {"start": position / SAMPLE_RATE, "end": (position + len(window)) / SAMPLE_RATE}
        )
        padded.append(np.pad(window, (0, -len(window) % _CLIP_STEP)))
        position += len(padded[-1])
    return np.concatenate(padded), clips


def _without_tail(found: Iterable[Any], options: Any, seconds: float) -> Iterable[Any]:
    """Leave out what a further pass makes of the silence after the last word.

    The sequential decoder goes on where the last word ended, and of a tail without speech it makes
    a repetition of the text before, at every temperature. That pass can't be forbidden; so it gets
    one token and one temperature, and is dropped. (`options` is what the decoder goes by.)
    """
    for segment in found:
        if segment.seek > 0 and seconds - segment.seek / _FRAMES_PER_SECOND < _TAIL_SECONDS:
            return
        yield segment
        if seconds - segment.end < _TAIL_SECONDS:
            options.temperatures, options.max_new_tokens = options.temperatures[:1], 1


def _translate(found: Iterable[Any], *, shift: float) -> Iterable[Segment]:
    for number, segment in enumerate(found):
        words = tuple(
            Word(
                word=word.word,
                start=shift + float(word.start) + _LEAD_SECONDS,
                end=shift + float(word.end) + _LEAD_SECONDS,
                probability=float(word.probability),
            )
            for word in segment.words or ()
        )
        yield Segment(
            id=number,
            start=shift + float(segment.start),
            end=shift + float(segment.end),
            text=segment.text.strip(),
            words=words,
            extra_data=ExtraData(
                avg_logprob=float(segment.avg_logprob),
                compression_ratio=float(segment.compression_ratio),
                no_speech_prob=float(segment.no_speech_prob),
                temperature=float(segment.temperature),
            ),
        )
