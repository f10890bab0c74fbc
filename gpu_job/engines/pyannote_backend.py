"""The thin layer over a loaded pipeline of pyannote.audio 4: run it, run its clustering again."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gpu_job.engines.interruptible import tells_of_memory
from gpu_job.engines.ports import SAMPLE_RATE, Audio
from gpu_job.engines.pyannote_diarizer import Grouping, Labelled, OnBatch
from gpu_job.engines.pyannote_voices import PyannoteVoices, Window
from shared.domain.options import DiarizationArgs

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class PyannotePipeline:
    """See `gpu_job.engines.pyannote_diarizer.PyannoteBackend`.

    One call at a time: a run that was told to stop ends with its batch, and the next waits.
    """

    pipeline: str
    loaded: Any
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def listen(
        self, waveform: Audio, args: DiarizationArgs, on_batch: OnBatch
    ) -> tuple[Grouping, PyannoteVoices | None]:
        """See `PyannoteBackend`."""
        import torch

        heard: dict[str, Any] = {}

        def hook(step: str, artefact: Any, **news: Any) -> None:
            if news.get("total"):
                on_batch(step, int(news["completed"]), int(news["total"]))
            else:
                heard[step] = artefact  # a step's last word

        file = {"waveform": torch.from_numpy(waveform)[None], "sample_rate": SAMPLE_RATE}
        with self._lock:
            try:
                output = self._run(file, hook, args)
            except ValueError:
                # k-means is asked for more speakers than there are voice prints.
                voices = self._voices(heard, len(waveform) / SAMPLE_RATE)
                if voices is None or self._honourable(voices, args) == args:
                    raise
                return self._group(voices, args), voices
        return _grouping(output), self._voices(heard, len(waveform) / SAMPLE_RATE)

    def _run(self, file: dict[str, Any], hook: Any, args: DiarizationArgs) -> Any:
        """Run the pipeline; with half the batches when memory runs out, as often as that helps."""
        import torch

        while (output := self._attempt(file, hook, args)) is None:
            torch.cuda.empty_cache()  # here nothing refers to the failed run any more
        return output

    def _attempt(self, file: dict[str, Any], hook: Any, args: DiarizationArgs) -> Any:
        try:
            return self.loaded(file, hook=hook, **_limits(args))
        except RuntimeError as exc:
            if not tells_of_memory(exc) or not self._halve_batches():
                raise
            _log.warning("memory ran out; the diarizer's batches are halved")
            return None

    def _halve_batches(self) -> bool:
        """Go on with smaller batches, also in later jobs; False when they are single already."""
        sizes = (self.loaded.segmentation_batch_size, self.loaded.embedding_batch_size)
        if max(sizes) == 1:
            return False
        self.loaded.segmentation_batch_size = max(sizes[0] // 2, 1)
        self.loaded.embedding_batch_size = max(sizes[1] // 2, 1)
        return True

    def group(self, voices: PyannoteVoices, args: DiarizationArgs) -> Grouping:
        """See `PyannoteBackend`."""
        with self._lock:
            return self._group(voices, args)

    def _group(self, voices: PyannoteVoices, args: DiarizationArgs) -> Grouping:
        """Run `apply` on what its own cache for training would hold, so that it only clusters."""
        file: dict[str, Any] = {"uri": "voices"}
        file["training_cache/segmentation"] = _feature(voices)
        file["training_cache/embeddings"] = {
            "embeddings": voices.prints.copy(),
            "segmentation.threshold": getattr(self.loaded.segmentation, "threshold", None),
        }
        self.loaded.training = True
        try:
            output = self.loaded.apply(file, **_limits(self._honourable(voices, args)))
        finally:
            self.loaded.training = False
        return _grouping(output)

    def _voices(self, heard: dict[str, Any], duration: float) -> PyannoteVoices | None:
        """Collect what the hook heard; without voice prints nobody speaks."""
        if "embeddings" not in heard:
            return None
        segmentation, window = heard["segmentation"].data, heard["segmentation"].sliding_window
        return PyannoteVoices(
            pipeline=self.pipeline,
            duration=duration,
            window=Window(start=window.start, duration=window.duration, step=window.step),
            segmentation=np.asarray(segmentation, dtype=np.float32),
            prints=np.asarray(heard["embeddings"], dtype=np.float32),
        )

    def _honourable(self, voices: PyannoteVoices, args: DiarizationArgs) -> DiarizationArgs:
        """Limits that clustering can meet: no more speakers than reliable voice prints."""
        reliable, _, _ = self.loaded.clustering.filter_embeddings(
            voices.prints, segmentations=_feature(voices)
        )
        most = max(len(reliable), 1)
        wanted, least = args.num_speakers, args.min_speakers
        return replace(
            args,
            num_speakers=None if wanted is None else min(wanted, most),
            min_speakers=None if least is None else min(least, most),
        )


def _limits(args: DiarizationArgs) -> dict[str, int]:
    named = {
        "num_speakers": args.num_speakers,
        "min_speakers": args.min_speakers,
        "max_speakers": args.max_speakers,
    }
    return {name: number for name, number in named.items() if number is not None}


def _feature(voices: PyannoteVoices) -> Any:
    from pyannote.core import SlidingWindow, SlidingWindowFeature

    window = voices.window
    return SlidingWindowFeature(
        voices.segmentation.copy(),
        SlidingWindow(start=window.start, duration=window.duration, step=window.step),
    )


def _grouping(output: Any) -> Grouping:
    return Grouping(
        turns=_labelled(output.speaker_diarization),
        exclusive=_labelled(output.exclusive_speaker_diarization),
    )


def _labelled(annotation: Any) -> tuple[Labelled, ...]:
    return tuple(
        Labelled(start=float(segment.start), end=float(segment.end), label=str(label))
        for segment, _, label in annotation.itertracks(yield_label=True)
    )
