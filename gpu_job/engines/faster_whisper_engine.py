"""Transcription by faster-whisper: batches of speech chunks, and a second look at bad ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from gpu_job.engines.chunks import fixed_chunks, merge_regions
from gpu_job.engines.engine_arguments import (
    COMPRESSION_RATIO_THRESHOLD,
    LOG_PROB_THRESHOLD,
    NO_SPEECH_THRESHOLD,
    batched_arguments,
    sequential_arguments,
    temperature_ladder,
)
from gpu_job.engines.interruptible import run_interruptibly
from gpu_job.engines.ports import (
    SAMPLE_RATE,
    Audio,
    OnSeconds,
    OnSegment,
    Region,
    ShouldStop,
    TranscriptionOutput,
    VoiceActivityDetector,
)
from gpu_job.engines.readable_segments import split_segment
from gpu_job.engines.whisper_backend import WhisperBackend
from shared.domain.errors import UnsupportedOption
from shared.domain.options import Task, TranscriptionOptions
from shared.domain.transcript import Segment, Word
from shared.models.registry import ModelSpec

#: ISO 639-2 for "undetermined": nobody spoke, so there was nothing to detect.
UNDETERMINED = "und"


@dataclass(frozen=True, kw_only=True, slots=True)
class FasterWhisperTranscriber:
    """A loaded model with its VAD. `batch_size` chunks of up to 30 s are decoded at once.

    Memory does not grow with the audio: features exist for one batch at a time.
    """

    backend: WhisperBackend
    model: ModelSpec
    vad: VoiceActivityDetector
    batch_size: int = 8

    def transcribe(
        self,
        audio: Audio,
        options: TranscriptionOptions,
        *,
        on_segment: OnSegment,
        on_progress: OnSeconds,
        should_stop: ShouldStop,
        start_at: float = 0.0,
        language: tuple[str, float] | None = None,
    ) -> TranscriptionOutput:
        """See `gpu_job.engines.ports.Transcriber`."""
        self._refuse_unsupported(options)
        chunks = self._plan(audio, options, should_stop)
        spoken, probability = language or self._language(audio, options, chunks, should_stop)
        timeline = _Timeline(duration=len(audio) / SAMPLE_RATE, now=start_at)
        segments: list[Segment] = []
        remaining = [chunk for chunk in chunks if chunk.end > start_at + _SAME]
        for position in range(0, len(remaining), self.batch_size):
            batch = remaining[position : position + self.batch_size]
            for chunk, decoded in self._decode(audio, batch, options, spoken, should_stop):
                for segment in timeline.place(decoded):
                    numbered = replace(segment, id=len(segments))
                    segments.append(numbered)
                    on_segment(numbered)
                on_progress(chunk.end)
        return TranscriptionOutput(
            segments=tuple(segments), language=spoken, language_probability=probability
        )

    def _refuse_unsupported(self, options: TranscriptionOptions) -> None:
        if options.task is Task.TRANSLATE and not self.model.can_translate:
            msg = f"model {self.model.name} can't translate"
            raise UnsupportedOption(msg, field="task")
        if options.language and options.language not in self.model.languages:
            known = ", ".join(sorted(self.model.languages))
            msg = f"model {self.model.name} has no language {options.language}; it has {known}"
            raise UnsupportedOption(msg, field="language")

    def _plan(
        self, audio: Audio, options: TranscriptionOptions, should_stop: ShouldStop
    ) -> tuple[Region, ...]:
        if options.vad:
            return merge_regions(self.vad.speech_regions(audio, should_stop=should_stop))
        return fixed_chunks(audio)

    def _language(
        self,
        audio: Audio,
        options: TranscriptionOptions,
        chunks: Sequence[Region],
        should_stop: ShouldStop,
    ) -> tuple[str, float]:
        """What was asked for, the model's only language, or what the model hears."""
        if options.language:
            return options.language, 1.0
        if not self.model.multilingual:
            return next(iter(sorted(self.model.languages))), 1.0
        if not chunks:
            return UNDETERMINED, 0.0
        return run_interruptibly(partial(self.backend.detect_language, audio, chunks), should_stop)

    def _decode(
        self,
        audio: Audio,
        batch: Sequence[Region],
        options: TranscriptionOptions,
        language: str,
        should_stop: ShouldStop,
    ) -> Iterator[tuple[Region, list[Segment]]]:
        """Decode a batch at temperature 0, and each chunk that failed up the ladder."""
        ladder = temperature_ladder(options)
        first: Sequence[list[Segment] | None] = [None] * len(batch)
        if ladder[0] == 0:
            arguments = batched_arguments(options, language)
            work = partial(self.backend.batched, audio, batch, arguments)
            first = run_interruptibly(work, should_stop)
            ladder = ladder[1:]
        for chunk, decoded in zip(batch, first, strict=True):
            if decoded is None or (ladder and _failed(decoded)):
                arguments = sequential_arguments(options, language, ladder)
                again = partial(self.backend.sequential, audio, chunk, arguments)
                yield chunk, _audible(run_interruptibly(again, should_stop))
            else:
                yield chunk, _audible(decoded)


_SAME = 1e-3


def _failed(decoded: Sequence[Segment]) -> bool:
    """Whisper's test: repetitive or unlikely text, unless the chunk is silent."""
    facts = [segment.extra_data for segment in decoded if segment.extra_data]
    return any(
        fact.compression_ratio > COMPRESSION_RATIO_THRESHOLD
        or (fact.avg_logprob < LOG_PROB_THRESHOLD and fact.no_speech_prob <= NO_SPEECH_THRESHOLD)
        for fact in facts
    )


def _audible(decoded: Sequence[Segment]) -> list[Segment]:
    """Drop text that the decoder itself takes for silence (Whisper's rule), and empty text."""
    return [
        segment
        for segment in decoded
        if segment.text
        and not (
            segment.extra_data
            and segment.extra_data.no_speech_prob > NO_SPEECH_THRESHOLD
            and segment.extra_data.avg_logprob < LOG_PROB_THRESHOLD
        )
    ]


@dataclass(kw_only=True, slots=True)
class _Timeline:
    """Keeps times monotone and inside the audio; alignment may overshoot either."""

    duration: float
    now: float

    def place(self, decoded: Sequence[Segment]) -> Iterator[Segment]:
        """Cut coarse segments into readable ones and put them after what came before."""
        for coarse in decoded:
            if not coarse.words:
                yield self._place_whole(coarse)
                continue
            words = tuple(self._place_word(word) for word in coarse.words)
            yield from split_segment(replace(coarse, words=words))

    def _place_whole(self, segment: Segment) -> Segment:
        start, end = self._advance(segment.start, segment.end)
        return replace(segment, start=start, end=end)

    def _place_word(self, word: Word) -> Word:
        start, end = self._advance(word.start, word.end)
        return replace(word, start=start, end=end)

    def _advance(self, start: float, end: float) -> tuple[float, float]:
        start = min(max(start, self.now), self.duration)
        end = min(max(end, start), self.duration)
        self.now = end
        return start, end
