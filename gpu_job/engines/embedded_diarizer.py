"""Diarization without torch: local segmentation, voice prints, clustering, reconstruction.

Who speaks where is an average of what overlapping windows find likely; voices are compared over
the whole audio.
"""

from __future__ import annotations

from dataclasses import dataclass

from gpu_job.engines.clustering import Centroids, assign, find_speakers
from gpu_job.engines.embedding import Embedder, VoicePrint
from gpu_job.engines.interruptible import raise_stopped
from gpu_job.engines.ports import SAMPLE_RATE, Diarization, OnSeconds, Samples, ShouldStop
from gpu_job.engines.reconstruction import Assignment, reconstruct
from gpu_job.engines.segmentation import STEP, WINDOW, Activity, Segmenter, window_count
from gpu_job.engines.voices import Voices, pack, unpack
from shared.domain.options import DiarizationArgs
from shared.domain.transcript import Turn

_BATCH = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class EmbeddedDiarizer:
    """Both networks, loaded. Beyond the audio it keeps a byte per local speaker and frame."""

    segmenter: Segmenter
    embedder: Embedder

    def diarize(
        self,
        audio: Samples,
        args: DiarizationArgs,
        *,
        on_progress: OnSeconds,
        should_stop: ShouldStop,
    ) -> Diarization:
        """See `gpu_job.engines.ports.Diarizer`."""
        activity, prints = self._listen(audio, on_progress, should_stop)
        heard = Voices(duration=len(audio) / SAMPLE_RATE, activity=activity, prints=prints)
        voices = pack(heard)
        return Diarization(turns=self.regroup(voices, args), voices=voices)

    def regroup(self, voices: bytes, args: DiarizationArgs) -> tuple[Turn, ...]:
        """See `gpu_job.engines.ports.Diarizer`."""
        heard = unpack(voices)
        least = args.num_speakers or args.min_speakers or 1
        most: tuple[Turn, ...] = ()
        for speakers in find_speakers(heard.prints, args):
            turns = _turns(heard, speakers)
            if _voices_in(turns) > _voices_in(most):
                most = turns
            if _voices_in(most) >= least:
                break
        return most

    def _listen(
        self, audio: Samples, on_progress: OnSeconds, should_stop: ShouldStop
    ) -> tuple[list[Activity], list[VoicePrint]]:
        """Go through the audio once, window by window."""
        activity: list[Activity] = []
        prints: list[VoicePrint] = []
        total = window_count(len(audio))
        for first in range(0, total, _BATCH):
            windows = range(first, min(first + _BATCH, total))
            _check(should_stop)
            for window, active in zip(
                windows, self.segmenter.activity(audio, windows), strict=True
            ):
                _check(should_stop)
                activity.append(active)
                prints.extend(self.embedder.voice_prints(audio, window, active))
                on_progress(min(window * STEP + WINDOW, len(audio)) / SAMPLE_RATE)
        return activity, prints


def _turns(heard: Voices, speakers: Centroids) -> tuple[Turn, ...]:
    assignments = [
        Assignment(window=item.window, speaker=item.speaker, label=label)
        for item, label in zip(heard.prints, assign(heard.prints, speakers), strict=True)
    ]
    return reconstruct(heard.activity, assignments, len(speakers), heard.duration)


def _voices_in(turns: tuple[Turn, ...]) -> int:
    return len({turn.speaker for turn in turns})


def _check(should_stop: ShouldStop) -> None:
    if should_stop():
        raise_stopped()
