"""Sounds without speech, made by rule: what a telephone or a meeting room gives between words."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from gpu_job.engines.ports import SAMPLE_RATE, Audio

_Signal = NDArray[np.float64]
SECONDS = 45.0
_SEED = 20261124


def _time(seconds: float) -> _Signal:
    return np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE


def _level(signal: _Signal, decibels: float) -> Audio:
    """Bring to a root mean square of so many dB below full scale, without clipping."""
    power = float(np.sqrt(np.mean(signal**2))) or 1.0
    return np.clip(signal * (10 ** (decibels / 20) / power), -1, 1).astype(np.float32)


def silence() -> Audio:
    """Digital zero."""
    return np.zeros(round(SECONDS * SAMPLE_RATE), dtype=np.float32)


def _noise(exponent: float) -> _Signal:
    """Noise whose power falls with the frequency to the given exponent."""
    count = round(SECONDS * SAMPLE_RATE)
    random = np.random.default_rng(_SEED)
    spectrum = np.fft.rfft(random.standard_normal(count))
    frequencies = np.maximum(np.fft.rfftfreq(count, 1 / SAMPLE_RATE), 20.0)
    return np.fft.irfft(spectrum / frequencies ** (exponent / 2), count)


def white_noise() -> Audio:
    """A badly tuned receiver."""
    return _level(_noise(0), -26)


def pink_noise() -> Audio:
    """Equal power an octave: wind, a crowd far away."""
    return _level(_noise(1), -26)


def brown_noise() -> Audio:
    """A car, a fan."""
    return _level(_noise(2), -26)


def quiet_room() -> Audio:
    """Room noise: pink, 60 dB below full scale, with the mains in it and now and then a knock."""
    signal = _noise(1)
    signal /= np.sqrt(np.mean(signal**2))
    times = _time(SECONDS)
    signal += 0.5 * np.sin(2 * np.pi * 50 * times)
    for start in range(4, round(SECONDS), 7):
        after = times - start
        signal += np.where(after >= 0, 12 * np.exp(-60 * after.clip(0)), 0) * np.sin(
            2 * np.pi * 180 * times
        )
    return _level(signal, -60)


def hum() -> Audio:
    """The mains and its harmonics."""
    times = _time(SECONDS)
    return _level(sum_of(times, [(50 * n, 1 / n) for n in range(1, 9)]), -30)


def sum_of(times: _Signal, parts: Sequence[tuple[float, float]]) -> _Signal:
    """Add sines of (frequency in Hz, amplitude)."""
    total = np.zeros_like(times)
    for frequency, amplitude in parts:
        total += amplitude * np.sin(2 * np.pi * frequency * times)
    return total


def hold_tone() -> Audio:
    """The ringing tone of North America: 440 and 480 Hz, two seconds on and four off."""
    times = _time(SECONDS)
    return _level(np.where(times % 6 < 2, sum_of(times, [(440, 1), (480, 1)]), 0), -20)


def busy_tone() -> Audio:
    """The tone of a line in use in Europe: 425 Hz, half a second on and off."""
    times = _time(SECONDS)
    return _level(np.where(times % 1 < 0.5, sum_of(times, [(425, 1)]), 0), -20)


def dtmf() -> Audio:
    """Keys of a telephone (ITU-T Q.23), 100 ms each."""
    low, high = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
    times = _time(SECONDS)
    number = (times / 0.2).astype(int)
    signal = np.zeros_like(times)
    for key in range(16):
        tone = sum_of(times, [(low[key // 4], 1), (high[key % 4], 1)])
        signal += np.where((number * 7 % 16 == key) & (times % 0.2 < 0.1), tone, 0)
    return _level(signal, -20)


def music() -> Audio:
    """Hold music: plucked chords (C, a, F, G) over a bass, 100 beats a minute."""
    times = _time(SECONDS)
    beat = 0.6
    step = (times / beat).astype(int)
    fade = np.exp(-3 * (times % beat))
    chords = ((262, 330, 392), (220, 262, 330), (175, 220, 262), (196, 247, 294))
    signal = np.zeros_like(times)
    for number, chord in enumerate(chords):
        now = (step // 4) % 4 == number
        tones = [(f * k, 0.6 ** (k - 1)) for f in chord for k in (1, 2, 3)]
        signal += np.where(now, fade * sum_of(times, tones), 0)
        signal += np.where(now, 0.8 * sum_of(times, [(chord[0] / 2, 1)]), 0)
        melody = chord[(number + 1) % 3] * 2
        signal += np.where(now & (step % 2 == 0), fade * sum_of(times, [(melody, 1.2)]), 0)
    return _level(signal, -20)


SOUNDS: dict[str, Callable[[], Audio]] = {
    sound.__name__: sound
    for sound in (
        silence,
        white_noise,
        pink_noise,
        brown_noise,
        quiet_room,
        hum,
        hold_tone,
        busy_tone,
        dtmf,
        music,
    )
}
