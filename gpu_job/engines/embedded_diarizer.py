"""Diarization without torch: local segmentation, voice prints, clustering, reconstruction.

Who speaks where is an average of what overlapping windows find likely; voices are compared over
the whole audio. The voice prints cost the most by far: what one of them says of several windows is
not computed again.
"""

from __future__ import annotations

from dataclasses import dataclass

from gpu_job.engines.clustering import Centroids, assign, find_speakers
from gpu_job.engines.embedding import Embedder, VoicePrint
from gpu_job.engines.interruptible import raise_stopped
from gpu_job.engines.ports import SAMPLE_RATE, Diarization, OnSeconds, Samples, ShouldStop
from gpu_job.engines.reconstruction import Assignment, reconstruct
from gpu_job.engines.segmentation import STEP, WINDOW, Activity, Segmenter, window_count
from gpu_job.engines.stitching import known_voices, listening_order
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
        heard: dict[int, list[VoicePrint]] = {}
        total = window_count(len(audio))
        for done, window in enumerate(listening_order(total)):
            while len(activity) <= window:
                _check(should_stop)
                windows = range(len(activity), min(len(activity) + _BATCH, total))
                activity.extend(self.segmenter.activity(audio, windows))
            _check(should_stop)
            known = known_voices(window, activity, heard)
            heard[window] = self.embedder.voice_prints(audio, window, activity[window], known)
            on_progress(min(done * STEP + WINDOW, len(audio)) / SAMPLE_RATE)
        return activity, [item for window in range(total) for item in heard[window]]


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
