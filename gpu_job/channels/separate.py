"""From decoded channels to the time line that is transcribed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gpu_job.channels.bleed import without_bleed
from gpu_job.channels.timeline import Channel, ChannelTimeline
from gpu_job.engines.ports import SAMPLE_RATE, Samples, ShouldStop
from gpu_job.steps.decode import DecodedAudio
from shared.domain.errors import Stopped

#: The file has one channel, so there is nothing to separate.
SINGLE_CHANNEL = "single_channel"
#: Channels that hold the same sound were taken as one.
IDENTICAL_CHANNELS = "identical_channels"
#: One party was heard in another's channel, and was left out there.
BLEED_REMOVED = "bleed_removed"

#: What differs has a thousandth of the power: an encoder's noise, and no other voice.
_SAME = 0.999
_BLOCK = 60 * SAMPLE_RATE


def separate(audio: DecodedAudio, *, should_stop: ShouldStop) -> DecodedAudio:
    """Return decoded channels as a `ChannelTimeline`, each cleaned of the others' bleed.

    Of channels that are alike, but for loudness, the loudest is kept under its own number.
    Warnings say what was done.

    Raises:
        Stopped: `should_stop` turned true.
    """
    every = audio.by_channel or (audio.samples,)
    channels = tuple(Channel(number=n, samples=samples) for n, samples in enumerate(every))
    warnings = list(audio.warnings)
    if len(channels) == 1:
        warnings.append(SINGLE_CHANNEL)
    distinct = _distinct(channels, should_stop)
    if len(distinct) < len(channels):
        warnings.append(IDENTICAL_CHANNELS)
    cleaned, had_bleed = without_bleed(distinct, should_stop=should_stop)
    if had_bleed:
        warnings.append(BLEED_REMOVED)
    return replace(audio, samples=ChannelTimeline(cleaned), by_channel=(), warnings=tuple(warnings))


def _distinct(channels: Sequence[Channel], should_stop: ShouldStop) -> tuple[Channel, ...]:
    """Leave out what sounds like another channel that is as loud or louder."""
    products = _products([channel.samples for channel in channels], should_stop)
    power = np.diag(products)
    kept: list[int] = []
    for one in sorted(range(len(channels)), key=lambda number: (-power[number], number)):
        alike = (products[one, other] ** 2 >= _SAME * power[one] * power[other] for other in kept)
        if not power[one] or not any(alike):
            kept.append(one)
    return tuple(channels[number] for number in sorted(kept))


def _products(every: Sequence[Samples], should_stop: ShouldStop) -> np.ndarray:
    """Sum the products of each two channels over all samples: (channels, channels)."""
    total = np.zeros((len(every), len(every)))
    for start in range(0, len(every[0]), _BLOCK):
        if should_stop():
            msg = "told to stop while comparing channels"
            raise Stopped(msg)
        block = np.stack([samples[start : start + _BLOCK] for samples in every]).astype(np.float64)
        total += block @ block.T
    return total
