"""How much of a signal is an echo of another: magnitude-squared coherence over short windows.

Welch's method (P. D. Welch, IEEE Trans. Audio Electroacoust. 15, 1967): spectra of overlapping
frames are averaged, here over a window that moves along the signal. The echo's delay is found
before by generalized cross-correlation with phase transform (Knapp and Carter, IEEE Trans. ASSP
24, 1976), since a delay that is no longer small beside a frame hides the coherence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpu_job.engines.ports import SAMPLE_RATE, Audio

FRAME = 1024
HOP = 256
#: Frames that are averaged: half a second, about fifteen that are independent.
_AVERAGED = 31
#: Speech as a telephone carries it; hum below would be coherent between any two channels.
_BAND = slice(round(200 * FRAME / SAMPLE_RATE), round(3600 * FRAME / SAMPLE_RATE))
#: A line's or a room's echo comes within 100 ms; channels may be misaligned by a few.
_EARLIEST, _LATEST = -round(0.005 * SAMPLE_RATE), round(0.110 * SAMPLE_RATE)
_LONG_FRAME = 4096
_TINY = 1e-12

_Spectra = NDArray[np.complex64]
_Values = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Likeness:
    """By frame: the share of a signal's power that is coherent with another, and both powers.

    Powers are means over the window (of full scale squared, in the band of telephones).
    """

    share: _Values
    power: _Values
    other_power: _Values


def likeness(signal: Audio, other: Audio) -> Likeness:
    """Compare a signal with another of its length, whose echo it may hold.

    Frame k is the half second around sample ``k * HOP + FRAME / 2``.
    """
    return _compare(_spectra(signal), _spectra(_delayed(other, delay(signal, other))))


def delay(signal: Audio, other: Audio) -> int:
    """Return how many samples `signal` lags behind `other`, -5 to 110 ms.

    Only frames in which the other is louder are asked: there an echo is to be found, and not where
    the other holds the echo of this. Without an echo the answer means nothing.
    """
    one, two = _spectra(signal, _LONG_FRAME), _spectra(other, _LONG_FRAME)
    louder = (np.abs(two) ** 2).sum(axis=1) > (np.abs(one) ** 2).sum(axis=1)
    cross = (one[louder] * two[louder].conj()).sum(axis=0)
    correlation = np.fft.irfft(cross / (np.abs(cross) + _TINY), _LONG_FRAME)
    lags = np.arange(_EARLIEST, _LATEST + 1)
    return int(lags[np.argmax(np.abs(correlation[lags]))])


def _delayed(signal: Audio, samples: int) -> Audio:
    moved = np.zeros_like(signal)
    if samples >= 0:
        moved[samples:] = signal[: len(signal) - samples]
    else:
        moved[:samples] = signal[-samples:]
    return moved


def _spectra(signal: Audio, frame: int = FRAME) -> _Spectra:
    """Return the frames' spectra, (frames, bins), in the band of telephones for short frames."""
    hop = HOP if frame == FRAME else frame // 2
    frames = np.lib.stride_tricks.sliding_window_view(signal, frame)[::hop]
    window = np.hanning(frame).astype(np.float32)
    spectra = np.fft.rfft(frames * window, axis=1).astype(np.complex64)
    return spectra[:, _BAND] if frame == FRAME else spectra


def _compare(one: _Spectra, two: _Spectra) -> Likeness:
    first = _averaged(np.abs(one).astype(np.float64) ** 2)
    second = _averaged(np.abs(two).astype(np.float64) ** 2)
    cross = np.abs(_averaged((one * two.conj()).astype(np.complex128))) ** 2
    coherent = (cross / (second + _TINY)).sum(axis=1)
    power, other_power = first.sum(axis=1), second.sum(axis=1)
    scale = 1 / (FRAME * FRAME)
    return Likeness(
        share=np.minimum(coherent / (power + _TINY), 1.0),
        power=power * scale,
        other_power=other_power * scale,
    )


def _averaged(values: NDArray[Any]) -> NDArray[Any]:
    """Average over the frames around each; at the ends over as many as there are."""
    half = _AVERAGED // 2
    count = len(values)
    total = np.concatenate([np.zeros_like(values[:1]), np.cumsum(values, axis=0)])
    low = np.maximum(np.arange(count) - half, 0)
    high = np.minimum(np.arange(count) + half + 1, count)
    mean: NDArray[Any] = (total[high] - total[low]) / (high - low)[:, None]
    return mean
