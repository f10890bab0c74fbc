"""Decoding windows: many at once, or one after another with what was said before.

`standard` decodes batches at temperature 0, and each window that failed again, up the ladder.
`best` lets the sequential decoder climb the ladder by itself, with the text before as its prompt.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from gpu_job.engines.chunks import Window, batches, samples_of
from gpu_job.engines.engine_arguments import (
    batched_arguments,
    context_arguments,
    sequential_arguments,
    temperature_ladder,
)
from gpu_job.engines.guard import better, has_failed, may_be_silence
from gpu_job.engines.interruptible import run_interruptibly
from gpu_job.engines.ports import Audio, Samples, ShouldStop
from gpu_job.engines.unheard import insert, unheard
from gpu_job.engines.whisper_backend import WhisperBackend
from shared.domain.errors import WorkerError
from shared.domain.options import Accuracy, TranscriptionOptions
from shared.domain.transcript import Segment

_LOG = logging.getLogger(__name__)

#: Whisper forgets the text before when it was guessed at a higher temperature than this.
_SURE_TEMPERATURE = 0.5
#: Characters of context: more than Whisper's 223 tokens hold; the decoder takes the last ones.
_CONTEXT_CHARACTERS = 1200
_SAME = 1e-3


@dataclass(kw_only=True, slots=True)
class Batching:
    """How many windows are decoded at once; halved when memory runs out, and it stays so."""

    backend: WhisperBackend
    size: int

    def decode(
        self, windows: Sequence[Audio], arguments: Mapping[str, Any], should_stop: ShouldStop
    ) -> list[list[Segment]]:
        """Return what each window says, in their order.

        Raises:
            WorkerError: the engine failed; ``out_of_memory``: one window alone is too much.
            Stopped: `should_stop` turned true.
        """
        found: list[list[Segment]] = []
        while len(found) < len(windows):
            batch = windows[len(found) : len(found) + self.size]
            work = partial(self.backend.batched, batch, arguments)
            try:
                found += run_interruptibly(work, should_stop)
            except WorkerError as exc:
                if exc.code != "out_of_memory" or len(batch) == 1:
                    raise
                self.size = len(batch) // 2
                _LOG.warning("out of memory: from now on %d windows at once", self.size)
        return found


@dataclass(frozen=True, kw_only=True, slots=True)
class WindowDecoder:
    """Decodes the windows of one audio. `said` holds the final segments so far, and grows.

    `hears_out`: decode stretches of the plan in which no word was found by themselves.
    """

    backend: WhisperBackend
    batching: Batching
    audio: Samples
    options: TranscriptionOptions
    language: str
    said: Sequence[Segment]
    should_stop: ShouldStop
    hears_out: bool = False

    def decode(self, windows: Sequence[Window]) -> Iterator[list[Segment]]:
        """Yield each window's segments, timed from its start.

        What the decoder heard is final text only for the caller; ask for the next window when the
        segments of the last one are in `said`.
        """
        one_by_one = self.options.accuracy is Accuracy.BEST
        return self._in_sequence(windows) if one_by_one else self._in_batches(windows)

    def _in_batches(self, windows: Sequence[Window]) -> Iterator[list[Segment]]:
        ladder = temperature_ladder(self.options)
        again = ladder[1:] if ladder[0] == 0 else ladder
        for group in batches(windows, self.batching.size):
            language = group[0].language or self.language
            batch = [window.samples(self.audio) for window in group]
            first: Sequence[list[Segment] | None] = [None] * len(batch)
            if ladder[0] == 0:
                arguments = batched_arguments(self.options, language)
                first = self.batching.decode(batch, arguments, self.should_stop)
            for window, samples, found in zip(group, batch, first, strict=True):
                chosen: Sequence[Segment] | None = found
                if found is None or (again and has_failed(found)):
                    second = self._sequential(
                        samples, sequential_arguments(self.options, language, again)
                    )
                    chosen = second if found is None else better(found, second)
                yield _with_text(self._heard_out(window, chosen or [], language), window.language)

    def _heard_out(
        self, window: Window, decoded: Sequence[Segment], language: str
    ) -> Sequence[Segment]:
        """Decode by itself what speech no word covers; what is doubtful then is left out."""
        if not self.hears_out:
            return decoded
        arguments = batched_arguments(self.options, language)
        for gap in unheard(window, decoded):
            samples = samples_of(self.audio, gap)
            found = self.batching.decode([samples], arguments, self.should_stop)[0]
            spoken = [segment for segment in found if segment.words]
            if spoken and not has_failed(spoken) and not may_be_silence(spoken):
                decoded = insert(decoded, window, gap, spoken)
        return decoded

    def _in_sequence(self, windows: Sequence[Window]) -> Iterator[list[Segment]]:
        for window in windows:
            language = window.language or self.language
            samples = window.samples(self.audio)
            before = context_before(window, self.said)
            found = self._sequential(samples, context_arguments(self.options, language, before))
            if not found and temperature_ladder(self.options)[0] == 0:
                # Taken for silence where the voice detector heard somebody: the guard shall judge.
                arguments = batched_arguments(self.options, language)
                found = self.batching.decode([samples], arguments, self.should_stop)[0]
            yield _with_text(found, window.language)

    def _sequential(self, samples: Audio, arguments: Mapping[str, Any]) -> list[Segment]:
        work = partial(self.backend.sequential, samples, arguments)
        return run_interruptibly(work, self.should_stop)


def context_before(window: Window, said: Sequence[Segment]) -> str:
    """Return the text before a window, back to where it can't be trusted.

    It depends on segments before the window's start only, so that a resumed run finds the same.
    """
    texts: list[str] = []
    length = 0
    for segment in reversed(said):
        if segment.end > window.start + _SAME:
            continue
        fact = segment.extra_data
        guessed = fact is not None and fact.temperature > _SURE_TEMPERATURE
        if guessed or segment.flags or segment.language != window.language:
            break
        texts.append(segment.text)
        length += len(segment.text) + 1
        if length >= _CONTEXT_CHARACTERS:
            break
    return " ".join(reversed(texts))


def _with_text(decoded: Sequence[Segment], language: str | None) -> list[Segment]:
    return [replace(segment, language=language) for segment in decoded if segment.text]
