"""Transcription by faster-whisper: plan, language, and windows put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from gpu_job.engines.assembly import Assembly
from gpu_job.engines.chunks import cover, pack
from gpu_job.engines.decoding import Batching, WindowDecoder
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


@dataclass(kw_only=True, slots=True)
class FasterWhisperTranscriber:
    """A loaded model with its VAD. `batch_size` windows of up to 30 s are decoded at once.

    Memory does not grow with the audio: samples and features exist for one batch at a time. Once
    memory ran out the batches stay smaller, for later jobs too. With `hears_out` speech in which no
    word was found is decoded once more, by itself; it takes a backend that times its words.
    """

    backend: WhisperBackend
    model: ModelSpec
    vad: VoiceActivityDetector
    batch_size: int = 8
    hears_out: bool = True
    _batching: Batching = field(init=False)

    def __post_init__(self) -> None:
        self._batching = Batching(backend=self.backend, size=self.batch_size)

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
        packed = pack(chunks, len(audio) / SAMPLE_RATE)
        windows = [window for window in packed if window.end > start_at + _SAME]
        assembly = Assembly(done=start_at, next_id=previous[-1].id + 1 if previous else 0)
        listener = Listener(audio=audio, vad=self.vad, should_stop=should_stop)
        said = list(previous)
        decoded = self._decoder(listener, options, code, said).decode(windows)
        for number, (window, found) in enumerate(zip(windows, decoded, strict=True)):
            following = windows[number + 1] if number + 1 < len(windows) else None
            for final in assembly.add(window, found, following):
                segment = listener.flagged(final)
                said.append(segment)
                on_segment(segment)
            on_progress(assembly.done)
        return TranscriptionOutput(
            segments=tuple(said[len(previous) :]), language=code, language_probability=probability
        )

    def _decoder(
        self,
        listener: Listener,
        options: TranscriptionOptions,
        language: str,
        said: Sequence[Segment],
    ) -> WindowDecoder:
        return WindowDecoder(
            backend=self.backend,
            batching=self._batching,
            audio=listener.audio,
            options=options,
            language=language,
            said=said,
            listener=listener,
            should_stop=listener.should_stop,
            hears_out=self.hears_out and options.vad,
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


_SAME = 1e-3
