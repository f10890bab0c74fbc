"""A transcriber over a time line of channels: each channel is decoded by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from gpu_job.channels.timeline import PAUSE_SECONDS, ChannelTimeline
from gpu_job.engines.ports import (
    OnLanguage,
    OnSeconds,
    OnSegment,
    Region,
    Samples,
    ShouldStop,
    Transcriber,
    TranscriptionOutput,
    ignore_language,
)
from shared.domain.options import TranscriptionOptions
from shared.domain.transcript import Segment


@dataclass(frozen=True, kw_only=True, slots=True)
class ChannelTranscriber:
    """See `gpu_job.engines.ports.Transcriber`; `timeline` is the audio of every call.

    Plan and progress are in the time line's time. Segments are told in the recording's, with the
    channel as their speaker, channel after channel; `channels.timeline.by_time` merges them. So no
    window holds two channels, and no context goes from one to the other.
    """

    inner: Transcriber
    timeline: ChannelTimeline

    def plan(
        self, audio: Samples, options: TranscriptionOptions, *, should_stop: ShouldStop
    ) -> tuple[Region, ...]:
        """Plan each channel by itself."""
        del audio  # it is the time line
        return tuple(
            _moved(region, self.timeline.start(position))
            for position, channel in enumerate(self.timeline.channels)
            for region in self.inner.plan(channel.samples, options, should_stop=should_stop)
        )

    def detect_language(
        self,
        audio: Samples,
        options: TranscriptionOptions,
        *,
        chunks: Sequence[Region],
        should_stop: ShouldStop,
    ) -> tuple[str, float]:
        """Find one language for all channels, from speech of each."""
        return self.inner.detect_language(audio, options, chunks=chunks, should_stop=should_stop)

    def transcribe(  # noqa: PLR0913 (the port's)
        self,
        audio: Samples,
        options: TranscriptionOptions,
        *,
        on_segment: OnSegment,
        on_progress: OnSeconds,
        should_stop: ShouldStop,
        on_language: OnLanguage = ignore_language,
        chunks: Sequence[Region] | None = None,
        start_at: float = 0.0,
        language: tuple[str, float] | None = None,
        previous: Sequence[Segment] = (),
    ) -> TranscriptionOutput:
        """Transcribe the channels one after the other."""
        if chunks is None:
            chunks = self.plan(audio, options, should_stop=should_stop)
        code, probability = language or self.detect_language(
            audio, options, chunks=chunks, should_stop=should_stop
        )
        on_language(code, probability)
        told = list(previous[-1:])
        for position in self._unfinished(start_at):
            told += self._channel(
                position,
                options,
                chunks=chunks,
                start_at=start_at,
                language=(code, probability),
                previous=tuple(told[-1:]),
                on_segment=on_segment,
                on_progress=on_progress,
                should_stop=should_stop,
            )
            on_progress(self._end(position))
        segments = tuple(told[len(previous[-1:]) :])
        return TranscriptionOutput(
            segments=segments, language=code, language_probability=probability
        )

    def _channel(  # noqa: PLR0913 (what `transcribe` was given)
        self,
        position: int,
        options: TranscriptionOptions,
        *,
        chunks: Sequence[Region],
        start_at: float,
        language: tuple[str, float],
        previous: Sequence[Segment],
        on_segment: OnSegment,
        on_progress: OnSeconds,
        should_stop: ShouldStop,
    ) -> list[Segment]:
        begin = self.timeline.start(position)
        own = [_moved(chunk, -begin) for chunk in chunks if self._holds(position, chunk.start)]
        output = self.inner.transcribe(
            self.timeline.channels[position].samples,
            options,
            chunks=own,
            start_at=max(0.0, start_at - begin),
            language=language,
            previous=previous,
            on_segment=lambda segment: on_segment(self.timeline.tell(segment, position)),
            on_progress=lambda done: on_progress(begin + done),
            should_stop=should_stop,
        )
        return [self.timeline.tell(segment, position) for segment in output.segments]

    def _unfinished(self, start_at: float) -> list[int]:
        every = range(len(self.timeline.channels))
        return [position for position in every if start_at < self._end(position)]

    def _holds(self, position: int, time: float) -> bool:
        start = self.timeline.start(position)
        return start <= time < start + self.timeline.seconds(position) + PAUSE_SECONDS

    def _end(self, position: int) -> float:
        return self.timeline.start(position) + self.timeline.seconds(position)


def over_channels(
    load: Callable[[str, str], Transcriber], audio: Samples
) -> Callable[[str, str], Transcriber]:
    """Return `load` for this audio: what it loads goes channel by channel over a time line."""
    if not isinstance(audio, ChannelTimeline):
        return load

    def load_over(model: str, engine: str) -> Transcriber:
        return ChannelTranscriber(inner=load(model, engine), timeline=audio)

    return load_over


def _moved(region: Region, seconds: float) -> Region:
    return replace(region, start=region.start + seconds, end=region.end + seconds)
