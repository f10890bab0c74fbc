"""Bleed: one party heard in another's channel, as an echo or across wires. It is muted there.

A stretch of a channel is bleed where most of its power is coherent with a louder channel: then the
echo is louder than anything the channel's own speaker says there. Where both speak at once the
own voice adds what is not coherent, and the stretch stays. The loudest channel is never touched.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gpu_job.channels.coherence import FRAME, HOP, likeness
from gpu_job.channels.timeline import Channel
from gpu_job.engines.ports import SAMPLE_RATE, Audio, Samples, ShouldStop
from shared.domain.errors import Stopped

#: Half of the power: the echo outweighs the rest. On speech mixed at -6 to -20 dB with delays up
#: to 100 ms, with and without a room, 92 % of the echo's time and more lies above it, and no
#: time of a speaker alone.
_MOST = 0.5
#: The other must be louder by 1 dB, so that of two alike one is kept.
_LOUDER = 10**0.1
#: Steps of 16 bits and below: nothing to mute, and nothing to be coherent with.
_AUDIBLE = 1e-9
#: Shorter than a word: such stretches join what is around them.
_SHORTEST = round(0.15 * SAMPLE_RATE / HOP)
#: An echo's path is taken as steady for so long (samples); what lies around is heard with it.
_BLOCK = 60 * SAMPLE_RATE // HOP * HOP
_AROUND = SAMPLE_RATE // HOP * HOP

Spans = tuple[tuple[int, int], ...]


class MutedSamples:
    """`Samples` with zeros in some spans (first sample, one after the last; in order)."""

    def __init__(self, samples: Samples, spans: Spans) -> None:
        """Mute nothing where there are no spans."""
        self._samples = samples
        self._starts = np.array([start for start, _ in spans], dtype=np.int64)
        self._ends = np.array([end for _, end in spans], dtype=np.int64)

    def __len__(self) -> int:
        """Number of samples."""
        return len(self._samples)

    def __getitem__(self, window: slice) -> Audio:
        """Return the samples of a window."""
        start, stop, _ = window.indices(len(self))
        found = self._samples[start:stop].copy()
        first = int(np.searchsorted(self._ends, start, side="right"))
        last = int(np.searchsorted(self._starts, stop, side="left"))
        for low, high in zip(self._starts[first:last], self._ends[first:last], strict=True):
            found[max(0, low - start) : max(0, high - start)] = 0.0
        return found


def without_bleed(
    channels: Sequence[Channel], *, should_stop: ShouldStop
) -> tuple[tuple[Channel, ...], bool]:
    """Return the channels with bleed muted, and whether there was any; all of one length.

    Raises:
        Stopped: `should_stop` turned true.
    """
    spans = [_spans(marks) for marks in _marks(channels, should_stop)]
    cleaned = tuple(
        replace(channel, samples=MutedSamples(channel.samples, own)) if own else channel
        for channel, own in zip(channels, spans, strict=True)
    )
    return cleaned, any(spans)


def _marks(channels: Sequence[Channel], should_stop: ShouldStop) -> list[NDArray[np.bool_]]:
    """Tell for each channel and hop whether it holds bleed."""
    length = len(channels[0].samples)
    marks = [np.zeros(length // HOP + 1, dtype=bool) for _ in channels]
    for start in range(0, length, _BLOCK):
        if should_stop():
            msg = "told to stop while looking for bleed"
            raise Stopped(msg)
        low = max(0, start - _AROUND)
        heard = [channel.samples[low : start + _BLOCK + _AROUND] for channel in channels]
        if len(heard[0]) < 4 * FRAME:
            continue
        for number, found in enumerate(_block(heard)):
            # Frame k of the block is about the hop in which its middle lies.
            begin = (low + FRAME // 2) // HOP
            kept = found[max(0, start // HOP - begin) : (start + _BLOCK) // HOP - begin]
            first = max(start // HOP, begin)
            marks[number][first : first + len(kept)] = kept
    return marks


def _block(heard: Sequence[Audio]) -> Iterator[NDArray[np.bool_]]:
    for number, signal in enumerate(heard):
        found = np.zeros((len(signal) - FRAME) // HOP + 1, dtype=bool)
        for other_number, other in enumerate(heard):
            if other_number != number and signal.any() and other.any():
                found |= _is_bleed(signal, other)
        yield found


def _is_bleed(signal: Audio, other: Audio) -> NDArray[np.bool_]:
    found = likeness(signal, other)
    return (
        (found.share > _MOST)
        & (found.other_power > _LOUDER * found.power)
        & (found.other_power > _AUDIBLE)
    )


def _spans(marks: NDArray[np.bool_]) -> Spans:
    """Turn marks into spans of samples; short gaps are closed, then short spans dropped."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], marks.astype(np.int8), [0]])))
    joined: list[tuple[int, int]] = []
    for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if joined and start - joined[-1][1] < _SHORTEST:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return tuple((start * HOP, end * HOP) for start, end in joined if end - start >= _SHORTEST)
