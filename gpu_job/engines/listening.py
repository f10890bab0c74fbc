"""Asking the sound about a doubtful segment."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from gpu_job.engines.guard import (
    ISOLATED_SECONDS,
    Sound,
    flagged,
    needs_a_witness,
    reads_as_invented,
)
from gpu_job.engines.ports import (
    SAMPLE_RATE,
    Region,
    Samples,
    ShouldStop,
    VoiceActivityDetector,
)
from shared.domain.flags import Flag
from shared.domain.transcript import Segment

_INVENTED = frozenset(map(str, (Flag.LOOP, Flag.PHANTOM_PHRASE)))
_FLOOR_DECIBELS = -120.0
#: A word's times may be off by so much.
_SLACK_SECONDS = 0.2
#: Less than this beside a segment is the segment's own: where speech ends is not known better.
_OTHER_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Listener:
    """Flags segments; listens only where one is doubtful, to it and some seconds around it."""

    audio: Samples
    vad: VoiceActivityDetector
    should_stop: ShouldStop

    def flagged(self, segment: Segment) -> Segment:
        """Return the segment with its flags.

        Raises:
            Stopped: `should_stop` turned true.
        """
        doubtful = needs_a_witness(segment)
        return flagged(segment, self._sound(segment.start, segment.end) if doubtful else None)

    def invented(self, segments: Iterable[Segment]) -> frozenset[str]:
        """Return those of the flags ``loop`` and ``phantom_phrase`` that any of the segments gets.

        Raises:
            Stopped: `should_stop` turned true.
        """
        suspect = [segment for segment in segments if reads_as_invented(segment)]
        return _INVENTED & {flag for one in suspect for flag in self.flagged(one).flags}

    def _sound(self, start: float, end: float) -> Sound:
        duration = len(self.audio) / SAMPLE_RATE
        around = Region(
            start=max(0.0, start - ISOLATED_SECONDS), end=min(duration, end + ISOLATED_SECONDS)
        )
        samples = self.audio[round(around.start * SAMPLE_RATE) : round(around.end * SAMPLE_RATE)]
        speech = [
            Region(start=around.start + region.start, end=around.start + region.end)
            for region in self.vad.speech_regions(samples, should_stop=self.should_stop)
        ]
        start, end = max(0.0, start - _SLACK_SECONDS), min(duration, end + _SLACK_SECONDS)
        inside = sum(max(0.0, min(one.end, end) - max(one.start, start)) for one in speech)
        beside = sum(one.end - one.start for one in speech) - inside
        spoken = self.audio[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)]
        return Sound(
            speech=inside / (end - start) if end > start else 0.0,
            decibels=_decibels(spoken),
            isolated=beside < _OTHER_SECONDS,
        )


def _decibels(samples: np.ndarray) -> float:
    power = float(np.mean(np.square(samples, dtype=np.float64))) if len(samples) else 0.0
    return max(_FLOOR_DECIBELS, 10 * float(np.log10(power))) if power > 0 else _FLOOR_DECIBELS
