"""Several channels laid one after the other on one time line, and the way back.

Plan, parts, resume and progress need one time that only grows. So channels follow each other on a
time line of their own, with a pause between; nothing is copied. Segments are told in the
recording's time, with the channel as their speaker, which is enough to lay them back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gpu_job.engines.ports import SAMPLE_RATE, Audio, Samples
from shared.domain.transcript import Segment, Turn

#: Keeps a time that was rounded at one channel's end from falling into the next.
PAUSE_SECONDS = 1.0
_PAUSE = round(PAUSE_SECONDS * SAMPLE_RATE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Channel:
    """One channel: its number in the file, from 0, and its samples."""

    number: int
    samples: Samples

    @property
    def label(self) -> str:
        """The name of whoever speaks in it: ``CHANNEL_00`` is the first (left)."""
        return f"CHANNEL_{self.number:02d}"


class ChannelTimeline:
    """`Samples` of all channels: each is followed by a pause, but for the last."""

    def __init__(self, channels: tuple[Channel, ...]) -> None:
        """Take one channel at least, in order of their numbers."""
        self.channels = channels
        ends = np.cumsum([len(channel.samples) + _PAUSE for channel in channels])
        self._starts = (0, *(int(end) for end in ends[:-1]))

    def __len__(self) -> int:
        """Samples of all channels and the pauses between."""
        return self._starts[-1] + len(self.channels[-1].samples)

    def __getitem__(self, window: slice) -> Audio:
        """Return the samples of a window; pauses are zeros."""
        start, stop, _ = window.indices(len(self))
        found = np.zeros(max(0, stop - start), dtype=np.float32)
        for channel, begin in zip(self.channels, self._starts, strict=True):
            low, high = max(start, begin), min(stop, begin + len(channel.samples))
            if low < high:
                found[low - start : high - start] = channel.samples[low - begin : high - begin]
        return found

    def start(self, position: int) -> float:
        """Where the channel at this position begins (seconds of the time line)."""
        return self._starts[position] / SAMPLE_RATE

    def seconds(self, position: int) -> float:
        """How long the channel at this position is."""
        return len(self.channels[position].samples) / SAMPLE_RATE

    def tell(self, segment: Segment, position: int) -> Segment:
        """Return a channel's segment with the channel as its speaker."""
        label = self.channels[position].label
        words = tuple(replace(word, speaker=label) for word in segment.words)
        return replace(segment, speakers=(label,), words=words)


def by_time(segments: tuple[Segment, ...]) -> tuple[Segment, ...]:
    """Merge the channels' segments in order of their starts, numbered from 0.

    Of two that start together the first channel's comes first. They may overlap.
    """
    merged = sorted(segments, key=lambda segment: (segment.start, segment.speakers))
    return tuple(replace(segment, id=number) for number, segment in enumerate(merged))


def spoken_turns(segments: tuple[Segment, ...]) -> tuple[Turn, ...]:
    """Return each segment as a turn of its channel's speaker."""
    return tuple(
        Turn(start=segment.start, end=segment.end, speaker=label)
        for segment in segments
        for label in segment.speakers
    )
