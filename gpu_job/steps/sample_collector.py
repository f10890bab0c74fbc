"""Resampling decoded frames to 16 kHz, mono or channel by channel, and keeping nothing of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gpu_job.steps.disk_samples import BYTES_PER_SAMPLE, DiskSamples, SampleFile
from shared.domain.errors import SourceError, Stopped

SAMPLE_RATE = 16_000
#: Hz. At a stated 1 Hz, each sample of a file of a few bytes would become 16,000.
_LEAST_RATE = 1000
_REPORT_EVERY = 10.0
_MOST_LEADING_SILENCE = 60.0
_LEAST_LEADING_SILENCE = 0.1


@dataclass(kw_only=True, slots=True)
class SampleCollector:
    """Passes samples on to files as they come: mixed to one, or one file a channel."""

    max_seconds: float
    on_progress: Callable[[float], None]
    should_stop: Callable[[], bool]
    files: tuple[SampleFile, ...]
    layout: Any = "mono"
    faults: int = 0
    went_on: bool = False
    _resampler: Any = None
    _averaged: bool = False
    _format: tuple[Any, ...] = ()
    _reported: float = 0.0

    @property
    def count(self) -> int:
        """Samples collected so far, of each channel."""
        return self.files[0].count

    @property
    def digest(self) -> str:
        """Names what was collected."""
        return "-".join(file.digest for file in self.files)

    def samples(self) -> tuple[DiskSamples, ...]:
        """What was collected, by file; nothing can be added after it."""
        return tuple(file.samples() for file in self.files)

    @property
    def seconds(self) -> float:
        """Seconds collected so far."""
        return self.count / SAMPLE_RATE

    def check_stop(self) -> None:
        """Raise `Stopped` once told to stop."""
        if self.should_stop():
            msg = "told to stop while decoding"
            raise Stopped(msg)

    def add(self, frame: Any, leading: float) -> None:
        """Take a frame; before the first, as much silence as the track starts late (seconds).

        Raises:
            SourceError: ``audio_too_long``, ``source_unreadable``.
            WorkerError: ``disk_full``.
        """
        import av

        self._check_frame(frame)
        if not self._format and _LEAST_LEADING_SILENCE < leading <= _MOST_LEADING_SILENCE:
            for file in self.files:
                file.write(bytes(BYTES_PER_SAMPLE * round(leading * SAMPLE_RATE)))
        shape = (frame.format.name, frame.layout.name, frame.sample_rate)
        if shape != self._format:
            # A stream may change its rate or channels; a resampler is made for one input.
            self.finish()
            # s16, because FFmpeg scales a downmix to stay below full scale only for integers.
            self._resampler = av.AudioResampler(format="s16", layout=self.layout, rate=SAMPLE_RATE)
            self._averaged = False
            self._format = shape
        frame.pts = None  # timestamps with gaps would make the resampler refuse the frame
        try:
            self._keep(self._resampler.resample(frame))
        except av.error.ArgumentError:
            if self._averaged or len(self.files) > 1:
                raise
            # FFmpeg has no rule to mix so many channels that have no names: average them here.
            self._resampler = av.AudioResampler(format="s16", layout=frame.layout, rate=SAMPLE_RATE)
            self._averaged = True
            self._keep(self._resampler.resample(frame))

    def finish(self) -> None:
        """Take what the resampler still holds."""
        if self._resampler is not None:
            self._keep(self._resampler.resample(None))
            self._resampler = None

    def _check_frame(self, frame: Any) -> None:
        """Before it is resampled: what a frame grows to is known by then."""
        if frame.sample_rate < _LEAST_RATE:
            msg = f"the sample rate is {frame.sample_rate} Hz; at least {_LEAST_RATE} Hz is needed"
            raise SourceError(msg)
        if self.seconds + frame.samples / frame.sample_rate > self.max_seconds:
            raise self._too_long()

    def _too_long(self) -> SourceError:
        msg = f"the audio is longer than the limit of {self.max_seconds:g} seconds"
        return SourceError(msg, code="audio_too_long")

    def _keep(self, frames: list[Any]) -> None:
        for frame in frames:
            # Interleaved: PyAV crashes on planes of eight channels.
            samples = frame.to_ndarray().astype("<i2", copy=False)
            if self._averaged:
                mixed = samples.reshape(-1, frame.layout.nb_channels).mean(axis=1)
                samples = mixed.round().astype("<i2")
            samples = samples.reshape(-1, len(self.files))
            for number, file in enumerate(self.files):
                file.write(samples[:, number].tobytes())
        if self.seconds > self.max_seconds:
            raise self._too_long()
        if self.seconds - self._reported >= _REPORT_EVERY:
            self._reported = self.seconds
            self.on_progress(self.seconds)
