"""Word error rate and diarization error rate, by the libraries of the field."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from bench.transcript.recordings import Span
from shared.domain.transcript import Turn


@dataclass(frozen=True, kw_only=True, slots=True)
class WordErrors:
    """`errors` are substitutions, deletions and insertions against `words` of the reference."""

    errors: int
    words: int

    @property
    def percent(self) -> float:
        """The word error rate; it may pass 100.

        Raises:
            ZeroDivisionError: the reference has no words.
        """
        return 100 * self.errors / self.words

    def __add__(self, other: WordErrors) -> WordErrors:
        return WordErrors(errors=self.errors + other.errors, words=self.words + other.words)


@dataclass(frozen=True, kw_only=True, slots=True)
class SpeakerErrors:
    """Seconds of speech missed, told of silence, and given to another speaker, of `total`."""

    missed: float
    false_alarm: float
    confusion: float
    total: float

    @property
    def percent(self) -> float:
        """The diarization error rate; it may pass 100.

        Raises:
            ZeroDivisionError: the reference has no speech.
        """
        return 100 * (self.missed + self.false_alarm + self.confusion) / self.total

    def __add__(self, other: SpeakerErrors) -> SpeakerErrors:
        return SpeakerErrors(
            missed=self.missed + other.missed,
            false_alarm=self.false_alarm + other.false_alarm,
            confusion=self.confusion + other.confusion,
            total=self.total + other.total,
        )


def word_errors(reference: str, heard: str, *, language: str = "en") -> WordErrors:
    """Compare after Whisper's normalizer: case, punctuation, and in English numbers and spelling.

    Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", appendix C.
    """
    import jiwer

    normalize = _normalizer(english=language == "en")
    expected, found = normalize(reference).split(), normalize(heard).split()
    if not expected or not found:  # jiwer takes no empty reference
        return WordErrors(errors=len(expected) + len(found), words=len(expected))
    compared = jiwer.process_words(" ".join(expected), " ".join(found))
    errors = compared.substitutions + compared.deletions + compared.insertions
    return WordErrors(errors=errors, words=len(expected))


def speaker_errors(
    reference: Sequence[Turn], heard: Sequence[Turn], *, scored: Span
) -> SpeakerErrors:
    """Compare with the best match of labels: overlap is scored, and no collar forgives borders."""
    from pyannote.core import Segment, Timeline
    from pyannote.metrics.diarization import DiarizationErrorRate

    metric = DiarizationErrorRate(collar=0.0, skip_overlap=False)
    found = metric(
        _annotation(reference),
        _annotation(heard),
        uem=Timeline([Segment(*scored)]),
        detailed=True,
    )
    return SpeakerErrors(
        missed=found["missed detection"],
        false_alarm=found["false alarm"],
        confusion=found["confusion"],
        total=found["total"],
    )


@cache
def _normalizer(*, english: bool) -> Callable[[str], str]:
    with warnings.catch_warnings():
        # Its docstrings hold invalid escapes, which Python tells of when it compiles them.
        warnings.simplefilter("ignore")
        from whisper_normalizer.basic import BasicTextNormalizer
        from whisper_normalizer.english import EnglishTextNormalizer
    chosen: Callable[[str], str] = EnglishTextNormalizer() if english else BasicTextNormalizer()
    return chosen


def _annotation(turns: Sequence[Turn]) -> object:
    from pyannote.core import Annotation, Segment

    annotation = Annotation()
    for number, turn in enumerate(turns):
        annotation[Segment(turn.start, turn.end), number] = turn.speaker
    return annotation
