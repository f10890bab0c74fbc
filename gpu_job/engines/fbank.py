"""Log mel filter bank energies as SpeechBrain's `Fbank` computes them, in NumPy.

25 ms Hamming windows every 10 ms, centred, 400-point FFT, power spectrum, 80 triangular filters on
the mel scale 2595 log10(1 + f/700) (O'Shaughnessy 1987), 10 log10, floored 80 dB below the
sequence's maximum.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000
HOP = 160
_FFT = 400
_MELS = 80
_FLOOR = 1e-10
_RANGE_DB = 80.0

F32 = NDArray[np.float32]


def log_mel(samples: F32) -> F32:
    """Compute features of one stretch of audio.

    Args:
        samples: (n,) float32 at 16 kHz.

    Returns:
        (1 + n // 160, 80) float32, in dB.
    """
    padded = np.pad(samples, _FFT // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FFT)[::HOP]
    spectrum = np.fft.rfft(frames * _window(), axis=1)
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    decibels = 10.0 * np.log10(np.maximum(power @ _filters(), _FLOOR))
    floored: F32 = np.maximum(decibels, decibels.max() - _RANGE_DB).astype(np.float32)
    return floored


@cache
def _window() -> F32:
    """Periodic Hamming window, the one that spectral analysis uses."""
    phase = 2 * np.pi * np.arange(_FFT) / _FFT
    window: F32 = (0.54 - 0.46 * np.cos(phase)).astype(np.float32)
    return window


@cache
def _filters() -> F32:
    """(201, 80): each filter rises and falls over the width to its left neighbour."""
    top = 2595 * np.log10(1 + (SAMPLE_RATE / 2) / 700)
    edges = 700 * (10 ** (np.linspace(0, top, _MELS + 2) / 2595) - 1)
    widths = (edges[1:] - edges[:-1])[:-1]
    frequencies = np.linspace(0, SAMPLE_RATE // 2, _FFT // 2 + 1)
    slope = (frequencies[:, None] - edges[1:-1]) / widths
    filters: F32 = np.maximum(0, np.minimum(slope + 1, 1 - slope)).astype(np.float32)
    return filters
