"""Telling invented text from heard text, by what several witnesses say of it.

The witnesses: the decoder (its probability of silence, of the tokens, of each word), the text
(repetition, phrases known to be invented), and the sound (voice activity, level, how far it is
from other speech). None of them is enough alone, except the decoder's own thresholds. Nothing is
dropped here; the reasons go into a segment's `flags`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

from gpu_job.engines.engine_arguments import (
    COMPRESSION_RATIO_THRESHOLD,
    LOG_PROB_THRESHOLD,
    NO_SPEECH_THRESHOLD,
)
from gpu_job.engines.loops import loops
from gpu_job.engines.phantom_phrases import is_phantom_phrase
from shared.domain.flags import Flag
from shared.domain.transcript import ExtraData, Segment, Word

#: Doubts, weaker than the thresholds: they count only with a second witness. Clear speech mostly
#: stays on the other side of them (seen with base), single segments do not.
_DOUBTED_NO_SPEECH = 0.4
_DOUBTED_LOG_PROB = -0.5
_DOUBTED_WORDS = 0.7
#: Of a stretch with less speech than this nobody can have said a sentence.
_SILENT_SHARE = 0.1
#: One step of 16-bit audio is at -90 dB: nothing below -75 can be understood.
_INAUDIBLE_DECIBELS = -75.0
#: Farther from all other speech than people pause between sentences.
ISOLATED_SECONDS = 5.0
#: Nobody says a word in less.
_SHORTEST_WORD_SECONDS = 0.06


@dataclass(frozen=True, kw_only=True, slots=True)
class Sound:
    """What is heard where a segment lies.

    `speech` is the share of its time with voice activity, `decibels` its level below full scale,
    `isolated` that there is no other speech near.
    """

    speech: float
    decibels: float
    isolated: bool

    @property
    def is_silent(self) -> bool:
        """Nobody speaks there, or nobody could be understood."""
        return self.speech < _SILENT_SHARE or self.decibels < _INAUDIBLE_DECIBELS


def has_failed(segments: Sequence[Segment]) -> bool:
    """Tell whether a window's text is such that it has to be decoded again, whatever the sound.

    Whisper's test (repetitive or unlikely text, unless the decoder takes it for silence: that is
    measured before the first word, where no temperature has a part), and ours for loops that are
    too short to compress well.
    """
    words = [word for segment in segments for word in segment.words]
    return any(
        fact.compression_ratio > COMPRESSION_RATIO_THRESHOLD
        or (fact.avg_logprob < LOG_PROB_THRESHOLD and fact.no_speech_prob <= NO_SPEECH_THRESHOLD)
        for fact in facts_of(segments)
    ) or _in_a_hurry(words, loops(_texts(words)))


def reads_as_invented(segment: Segment) -> bool:
    """Tell whether the text alone makes one think that nobody said it; people may have."""
    return is_phantom_phrase(segment.text) or bool(_loops(segment))


def needs_a_witness(segment: Segment) -> bool:
    """Tell whether anything makes a segment doubtful, so that the sound is worth asking."""
    return _is_doubted(segment) or reads_as_invented(segment)


def passed_over(segment: Segment) -> Segment:
    """Flag text for which the decoder wrote nothing at first, if it still thinks of silence.

    It has heard that stretch twice then, once in its window and once by itself, and neither time
    was it sure of speech.
    """
    fact = segment.extra_data
    if fact is None or fact.no_speech_prob <= NO_SPEECH_THRESHOLD:
        return segment
    return replace(segment, flags=(*segment.flags, str(Flag.NO_SPEECH)))


def flagged(segment: Segment, sound: Sound | None) -> Segment:
    """Return the segment with the reasons not to trust it; `sound` None: nothing was doubtful."""
    reasons = [*_of_the_decoder(segment.extra_data)]
    if sound is not None:
        reasons += _of_the_sound(segment, sound)
    return replace(segment, flags=tuple(dict.fromkeys((*segment.flags, *map(str, reasons)))))


def _of_the_decoder(fact: ExtraData | None) -> list[Flag]:
    if fact is None:
        return []
    unlikely = fact.avg_logprob < LOG_PROB_THRESHOLD
    tests = {
        Flag.LOW_LOGPROB: unlikely,
        Flag.HIGH_COMPRESSION: fact.compression_ratio > COMPRESSION_RATIO_THRESHOLD,
        Flag.NO_SPEECH: unlikely and fact.no_speech_prob > NO_SPEECH_THRESHOLD,
    }
    return [flag for flag, holds in tests.items() if holds]


def _of_the_sound(segment: Segment, sound: Sound) -> list[Flag]:
    phantom = is_phantom_phrase(segment.text)
    looped = _loops(segment)
    doubts = sound.is_silent + sound.isolated + _is_doubted(segment)
    return [
        flag
        for flag, holds in {
            Flag.LOOP: bool(looped) and (bool(doubts) or _in_a_hurry(segment.words, looped)),
            Flag.PHANTOM_PHRASE: phantom and (doubts > 1 or sound.is_silent),
            Flag.NO_SPEECH: sound.is_silent and (phantom or bool(looped) or _is_doubted(segment)),
        }.items()
        if holds
    ]


def _is_doubted(segment: Segment) -> bool:
    """Tell whether the decoder doubts the text, more than it does with speech."""
    fact = segment.extra_data
    words = [word.probability for word in segment.words]
    return (bool(words) and sum(words) / len(words) < _DOUBTED_WORDS) or (
        fact is not None
        and (
            fact.no_speech_prob > _DOUBTED_NO_SPEECH
            or fact.avg_logprob < _DOUBTED_LOG_PROB
            or fact.compression_ratio > COMPRESSION_RATIO_THRESHOLD
            or fact.temperature > 0
        )
    )


def _in_a_hurry(words: Sequence[Word], looped: Sequence[range]) -> bool:
    """Tell whether a loop has more words than its time allows."""
    return any(
        median(word.end - word.start for word in words[run.start : run.stop])
        < _SHORTEST_WORD_SECONDS
        for run in looped
    )


def _loops(segment: Segment) -> tuple[range, ...]:
    return loops(_texts(segment.words) or segment.text.split())


def _texts(words: Sequence[Word]) -> list[str]:
    return [word.word for word in words]


def facts_of(segments: Sequence[Segment]) -> list[ExtraData]:
    """What the decoder knew of them."""
    return [segment.extra_data for segment in segments if segment.extra_data]
