"""Decoding windows: many at once, or one after another with what was said before.

`standard` decodes batches at temperature 0, and each window that failed again, up the ladder.
`best` lets the sequential decoder climb the ladder, with the text before as its prompt.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from gpu_job.engines.assembly import pieces_of
from gpu_job.engines.chunks import Window, batches
from gpu_job.engines.engine_arguments import (
    batched_arguments,
    context_arguments,
    sequential_arguments,
    temperature_ladder,
)
from gpu_job.engines.guard import passed_over
from gpu_job.engines.interruptible import run_interruptibly
from gpu_job.engines.listening import Listener
from gpu_job.engines.ports import Audio, Samples, ShouldStop
from gpu_job.engines.readings import Ladder, Reading, climb
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

    `listener` is asked where text reads as if it were invented. `hears_out`: decode stretches of
    the plan in which no word was found by themselves.
    """

    backend: WhisperBackend
    batching: Batching
    audio: Samples
    options: TranscriptionOptions
    language: str
    said: Sequence[Segment]
    listener: Listener
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
        for group in batches(windows, self.batching.size):
            language = group[0].language or self.language
            for window, first in zip(group, self._at_zero(group, language), strict=True):
                found = self._best_reading(window, language, first)
                yield _with_text(self._heard_out(window, found, language), window.language)

    def _in_sequence(self, windows: Sequence[Window]) -> Iterator[list[Segment]]:
        for window in windows:
            language = window.language or self.language
            before = context_before(window, self.said)
            arguments = partial(context_arguments, self.options, language, before)
            read = partial(self._sequential, window, arguments)
            found = climb(read, temperature_ladder(self.options)).segments
            if not found:
                # Taken for silence where the voice detector heard somebody: the guard shall judge.
                found = self._at_zero([window], language)[0] or []
            yield _with_text(self._heard_out(window, found, language), window.language)

    def _heard_out(
        self, window: Window, decoded: Sequence[Segment], language: str
    ) -> Sequence[Segment]:
        """Decode by itself what speech no word covers, and put it in, flagged if need be."""
        if not self.hears_out:
            return decoded
        for gap in unheard(window, decoded):
            alone = Window(pieces=(gap,), speech=(gap,))
            (first,) = self._at_zero([alone], language)
            found = _with_text(self._best_reading(alone, language, first), window.language)
            if found:
                decoded = insert(decoded, window, gap, [passed_over(segment) for segment in found])
        return decoded

    def _at_zero(
        self, windows: Sequence[Window], language: str
    ) -> Sequence[Sequence[Segment] | None]:
        """What windows say at temperature 0; None where that is not the first to be tried."""
        if temperature_ladder(self.options)[0] != 0:
            return [None] * len(windows)
        samples = [window.samples(self.audio) for window in windows]
        arguments = batched_arguments(self.options, language)
        return self.batching.decode(samples, arguments, self.should_stop)

    def _best_reading(
        self, window: Window, language: str, first: Sequence[Segment] | None
    ) -> Sequence[Segment]:
        """Go up the ladder where need be; `first` is what was decoded at temperature 0."""
        ladder = temperature_ladder(self.options)
        read = partial(
            self._sequential, window, partial(sequential_arguments, self.options, language)
        )
        if first is None:
            return climb(read, ladder).segments
        return climb(read, ladder[1:], self._reading(window, first)).segments

    def _sequential(
        self, window: Window, arguments: Callable[[Ladder], Mapping[str, Any]], ladder: Ladder
    ) -> Reading:
        samples = window.samples(self.audio)
        work = partial(self.backend.sequential, samples, arguments(ladder))
        return self._reading(window, run_interruptibly(work, self.should_stop))

    def _reading(self, window: Window, decoded: Sequence[Segment]) -> Reading:
        flags = self.listener.invented(pieces_of(window, decoded))
        return Reading(segments=decoded, flags=flags)


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
