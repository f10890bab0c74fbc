"""Transcription by faster-whisper: batches of speech chunks, and a second look at bad ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from gpu_job.engines.assembly import Assembly
from gpu_job.engines.chunks import Window, batches, cover, pack
from gpu_job.engines.engine_arguments import (
    batched_arguments,
    sequential_arguments,
    temperature_ladder,
)
from gpu_job.engines.guard import better, has_failed
from gpu_job.engines.interruptible import run_interruptibly
from gpu_job.engines.language import UNDETERMINED, heard_language
from gpu_job.engines.listening import Listener
from gpu_job.engines.ports import (
    SAMPLE_RATE,
    OnLanguage,
    OnSeconds,
    OnSegment,
    Region,
    Samples,
    ShouldStop,
    TranscriptionOutput,
    VoiceActivityDetector,
    ignore_language,
)
from gpu_job.engines.switches import most_spoken, with_languages
from gpu_job.engines.whisper_backend import WhisperBackend
from shared.domain.errors import UnsupportedOption
from shared.domain.options import Task, TranscriptionOptions
from shared.domain.transcript import Segment
from shared.models.registry import ModelSpec


@dataclass(frozen=True, kw_only=True, slots=True)
class FasterWhisperTranscriber:
    """A loaded model with its VAD. `batch_size` windows of up to 30 s are decoded at once.

    Memory does not grow with the audio: samples and features exist for one batch at a time.
    """

    backend: WhisperBackend
    model: ModelSpec
    vad: VoiceActivityDetector
    batch_size: int = 8

    def plan(
        self, audio: Samples, options: TranscriptionOptions, *, should_stop: ShouldStop
    ) -> tuple[Region, ...]:
        """See `gpu_job.engines.ports.Transcriber`."""
        self._refuse_unsupported(options)
        if options.vad:
            regions = self.vad.speech_regions(audio, should_stop=should_stop)
        elif len(audio):
            regions = (Region(start=0.0, end=len(audio) / SAMPLE_RATE),)
        else:
            regions = ()
        parts = tuple(part for region in regions for part in cover(audio, region))
        if options.multilingual:
            return with_languages(self.backend, audio, parts, should_stop)
        return parts

    def detect_language(
        self,
        audio: Samples,
        options: TranscriptionOptions,
        *,
        chunks: Sequence[Region],
        should_stop: ShouldStop,
    ) -> tuple[str, float]:
        """See `gpu_job.engines.ports.Transcriber`."""
        self._refuse_unsupported(options)
        if options.language:
            return options.language, 1.0
        if not self.model.multilingual:
            return min(self.model.languages), 1.0
        if options.multilingual:
            return most_spoken(chunks) or (UNDETERMINED, 0.0)
        windows = tuple(pack(chunks, len(audio) / SAMPLE_RATE))
        return heard_language(self.backend, audio, windows, should_stop)

    def transcribe(  # noqa: PLR0913 (all by name, most with a default)
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
        """See `gpu_job.engines.ports.Transcriber`."""
        self._refuse_unsupported(options)
        if chunks is None:
            chunks = self.plan(audio, options, should_stop=should_stop)
        code, probability = language or self.detect_language(
            audio, options, chunks=chunks, should_stop=should_stop
        )
        on_language(code, probability)
        windows = [
            window
            for window in pack(chunks, len(audio) / SAMPLE_RATE)
            if window.end > start_at + _SAME
        ]
        assembly = Assembly(done=start_at, next_id=previous[-1].id + 1 if previous else 0)
        listener = Listener(audio=audio, vad=self.vad, should_stop=should_stop)
        segments: list[Segment] = []
        decoded = self._decode(audio, windows, options, code, should_stop)
        for number, (window, found) in enumerate(zip(windows, decoded, strict=True)):
            following = windows[number + 1] if number + 1 < len(windows) else None
            for final in assembly.add(window, found, following):
                segment = listener.flagged(final)
                segments.append(segment)
                on_segment(segment)
            on_progress(assembly.done)
        return TranscriptionOutput(
            segments=tuple(segments), language=code, language_probability=probability
        )

    def _refuse_unsupported(self, options: TranscriptionOptions) -> None:
        if options.task is Task.TRANSLATE and not self.model.can_translate:
            msg = f"model {self.model.name} can't translate"
            raise UnsupportedOption(msg, field="task")
        if options.multilingual and not self.model.multilingual:
            msg = f"model {self.model.name} knows one language only"
            raise UnsupportedOption(msg, field="multilingual")
        if options.language and options.language not in self.model.languages:
            known = ", ".join(sorted(self.model.languages))
            msg = f"model {self.model.name} has no language {options.language}; it has {known}"
            raise UnsupportedOption(msg, field="language")

    def _decode(
        self,
        audio: Samples,
        windows: Sequence[Window],
        options: TranscriptionOptions,
        language: str,
        should_stop: ShouldStop,
    ) -> Iterator[list[Segment]]:
        """Decode batch by batch at temperature 0, and each window that failed up the ladder."""
        ladder = temperature_ladder(options)
        again = ladder[1:] if ladder[0] == 0 else ladder
        for group in batches(windows, self.batch_size):
            own = group[0].language or language
            batch = [window.samples(audio) for window in group]
            first: Sequence[list[Segment] | None] = [None] * len(batch)
            if ladder[0] == 0:
                arguments = batched_arguments(options, own)
                work = partial(self.backend.batched, batch, arguments)
                first = run_interruptibly(work, should_stop)
            for samples, found in zip(batch, first, strict=True):
                if found is not None and not (again and has_failed(found)):
                    yield _with_text(found, group[0].language)
                    continue
                arguments = sequential_arguments(options, own, again)
                retry = partial(self.backend.sequential, samples, arguments)
                second = run_interruptibly(retry, should_stop)
                chosen = second if found is None else better(found, second)
                yield _with_text(chosen, group[0].language)


_SAME = 1e-3


def _with_text(decoded: Sequence[Segment], language: str | None) -> list[Segment]:
    return [replace(segment, language=language) for segment in decoded if segment.text]
