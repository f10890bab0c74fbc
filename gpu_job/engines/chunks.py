"""Planning the stretches of audio that are decoded at once: at most Whisper's 30 s window."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gpu_job.engines.ports import SAMPLE_RATE, Audio, Region

MAX_SECONDS = 30.0
#: Whisper tends to stop at a long silence and lose what follows: don't join across one.
MAX_GAP_SECONDS = 2.0
_SEARCH_SECONDS = 5.0
_FRAME = SAMPLE_RATE // 20


def merge_regions(regions: Sequence[Region]) -> tuple[Region, ...]:
    """Join neighbouring speech into chunks of up to 30 s, with the short pauses between them.

    Silence inside a chunk is kept, so that times in a chunk are times in the audio.
    """
    chunks: list[Region] = []
    for region in regions:
        last = chunks[-1] if chunks else None
        if (
            last is not None
            and region.end - last.start <= MAX_SECONDS
            and region.start - last.end <= MAX_GAP_SECONDS
        ):
            chunks[-1] = Region(start=last.start, end=region.end)
        else:
            chunks.append(region)
    return tuple(chunks)


def fixed_chunks(audio: Audio) -> tuple[Region, ...]:
    """Cover all audio without a VAD; each cut is at the quietest 50 ms of the window's last 5 s."""
    chunks = []
    start = 0
    window = int(MAX_SECONDS * SAMPLE_RATE)
    while start < len(audio):
        end = min(start + window, len(audio))
        if end < len(audio):
            end = _quietest(audio, end - int(_SEARCH_SECONDS * SAMPLE_RATE), end)
        chunks.append(Region(start=start / SAMPLE_RATE, end=end / SAMPLE_RATE))
        start = end
    return tuple(chunks)


def samples_of(audio: Audio, region: Region) -> Audio:
    """Return the region's part of the audio (a view)."""
    return audio[round(region.start * SAMPLE_RATE) : round(region.end * SAMPLE_RATE)]


def _quietest(audio: Audio, start: int, end: int) -> int:
    """Return the middle of the frame with the least energy."""
    count = (end - start) // _FRAME
    frames = audio[start : start + count * _FRAME].reshape(count, _FRAME)
    return start + int(np.argmin((frames**2).sum(axis=1))) * _FRAME + _FRAME // 2
