"""Voice activity by Silero VAD v6, as it comes inside faster-whisper."""

from __future__ import annotations

from functools import partial

from gpu_job.engines.interruptible import run_interruptibly
from gpu_job.engines.ports import SAMPLE_RATE, Audio, Region, ShouldStop

#: Whisper's window: no region may be longer.
MAX_REGION_SECONDS = 30.0
_BLOCK_SECONDS = 600
_MIN_SILENCE_MS = 160


class SileroVad:
    """Detects speech block by block, so that its memory does not grow with the audio."""

    def speech_regions(self, audio: Audio, *, should_stop: ShouldStop) -> tuple[Region, ...]:
        """Return disjoint regions in order, none longer than 30 seconds.

        A region that touches a block's end is not trusted: the next block starts with it, so that
        no word is cut at a block's border.

        Raises:
            Stopped: `should_stop` turned true.
        """
        regions: list[Region] = []
        position = 0
        while position < len(audio):
            end = min(position + _BLOCK_SECONDS * SAMPLE_RATE, len(audio))
            block = audio[position:end]
            spans = run_interruptibly(partial(_detect, block), should_stop)
            following = end
            if end < len(audio) and spans and spans[-1][1] >= len(block) and spans[-1][0] > 0:
                following = position + spans.pop()[0]
            regions.extend(
                Region(start=(position + start) / SAMPLE_RATE, end=(position + stop) / SAMPLE_RATE)
                for start, stop in spans
            )
            position = following
        return tuple(regions)


def _detect(block: Audio) -> list[tuple[int, int]]:
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    options = VadOptions(
        max_speech_duration_s=MAX_REGION_SECONDS, min_silence_duration_ms=_MIN_SILENCE_MS
    )
    return [(span["start"], span["end"]) for span in get_speech_timestamps(block, options)]
